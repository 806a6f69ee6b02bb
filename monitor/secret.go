package monitor

import "strings"

// knownPart is how many letters in a row of a secret are enough to find it.
const knownPart = 12

// HideSecret returns a text without a secret, and without each part of it that has 12 letters or more. A text may have only a part,
// because somebody cut it, or wrote some letters in another way, such as "=" as "%3D" in an address. Another text that shares 12 letters
// with the secret loses them too.
func HideSecret(text, secret string) string {
	const hidden = "[token]"
	switch {
	case secret == "":
		return text
	case len(secret) <= knownPart:
		return strings.ReplaceAll(text, secret, hidden)
	case len(text) < knownPart: // most often nothing was said
		return text
	}
	parts := map[string]bool{}
	for i := range len(secret) - knownPart + 1 {
		parts[secret[i:i+knownPart]] = true
	}
	var b strings.Builder
	shown := 0 // the bytes before it are in b
	for i := 0; i+knownPart <= len(text); i++ {
		if !parts[text[i:i+knownPart]] {
			continue
		}
		b.WriteString(text[shown:i])
		b.WriteString(hidden)
		for i++; i+knownPart <= len(text) && parts[text[i:i+knownPart]]; i++ {
		}
		shown = i + knownPart - 1
		i = shown - 1
	}
	b.WriteString(text[shown:])
	return b.String()
}
