package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"pymon-bridge/report"
)

type openCmd struct {
	askFlags
	Page string `arg:"" optional:"" help:"A run: \"latest\", its id, or the beginning of it. Or a test: its node id, or a part of its name. Without it, the project."`
}

func (*openCmd) Help() string {
	return `
    pymon-bridge open                # the project
    pymon-bridge open latest         # the last run
    pymon-bridge open test_total --url https://pymon.example.org/p/shop`
}

// Run prints the address of the page, and opens it where there is a browser.
func (c *openCmd) Run(ctx context.Context, m *Main) error {
	ctx, s, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	defer s.close()
	if s.seat != nil {
		return fmt.Errorf("no bridge serves pages of %s: start one with `pymon-bridge serve --data %s`, and type `pymon-bridge open --url http://127.0.0.1:8080`",
			s.seat.dir, report.ShellWord(s.seat.dir))
	}
	address, err := s.address(ctx, c.Page)
	if err != nil {
		return err
	}
	s.wait.end()
	switch {
	case address == "":
		return errors.New("this name is too long for an address: the pages of the project find it")
	case c.JSON:
		return m.printJSON(map[string]string{"url": address})
	}
	if _, err := fmt.Fprintln(m.Stdout, address); err != nil {
		return err
	}
	browser := browserOf()
	if browser == "" {
		return nil
	}
	if err := exec.CommandContext(context.WithoutCancel(ctx), browser, s.loggingIn(ctx, address)).Run(); err != nil {
		return fmt.Errorf("%s does not open it: %w", browser, err)
	}
	return nil
}

// loggingIn returns the address that logs the browser in before it shows a page, with a code that is worth something once. It is the
// address of the page where no code is to be had.
func (s *source) loggingIn(ctx context.Context, page string) string {
	bridge := strings.TrimRight(s.page(), "/")
	path, below := strings.CutPrefix(page, bridge)
	if !s.hasToken() || !below {
		return page
	}
	code, err := s.loginCode(ctx)
	if err != nil || code == "" {
		return page
	}
	return bridge + "/-/login?" + url.Values{"next": {path}}.Encode() + "#code=" + code
}

// loginCode asks for a code to log in with.
func (s *source) loginCode(ctx context.Context) (string, error) {
	u, err := s.base()
	if err != nil {
		return "", err
	}
	to, err := url.Parse(s.origin())
	if err != nil {
		return "", err
	}
	request, err := s.authorized(ctx, http.MethodPost, to.JoinPath("-", "login", "code"), u.User, nil)
	if err != nil {
		return "", err
	}
	follow := http.Client{CheckRedirect: noRedirect}
	response, err := follow.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Code string }
	return answer.Code, json.NewDecoder(response.Body).Decode(&answer)
}

// browserOf returns the program that opens a page in the browser of the desktop. It is "" where there is no desktop.
func browserOf() string {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	} else if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return ""
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// address returns the address of the page that a text names.
func (s *source) address(ctx context.Context, text string) (string, error) {
	if text == "" {
		runs, _, err := s.runs(ctx, 1)
		if err != nil {
			return "", err
		}
		return report.ProjectPage(s.page(), runs[0].Project), nil
	}
	run, noRun := s.find(ctx, text)
	if noRun == nil {
		return report.RunPage(s.page(), run.Project, run.Run), nil
	}
	h, noTest := s.history(ctx, text)
	if noTest != nil {
		return "", errors.Join(noRun, noTest)
	}
	return report.TestPage(s.page(), h.Project, h.id), nil
}
