package monitor

import (
	"net/url"
	"strings"
)

// cutSecret is how many letters of the beginning or of the end of a secret are enough to find it. Ordinary words are shorter.
const cutSecret = 16

// HideSecret returns a text without a secret, as it is and as an address has it. Somebody may have cut the text: so each beginning and
// each end of the secret goes too, if it has 16 letters or more. What only shares letters with the middle of the secret stays, because
// the secrets that people write themselves have words in them.
func HideSecret(text, secret string) string {
	if text == "" || secret == "" {
		return text
	}
	const hidden = "[token]"
	forms := []string{url.QueryEscape(secret), secret}
	text = strings.NewReplacer(forms[0], hidden, forms[1], hidden).Replace(text) // at once: the word may have the letters of a short secret
	for _, form := range forms {
		for n := len(form) - 1; n >= cutSecret; n-- { // a longer part has the shorter ones
			text = strings.ReplaceAll(text, form[:n], hidden)
			text = strings.ReplaceAll(text, form[len(form)-n:], hidden)
		}
	}
	return text
}
