package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

type healthcheckCmd struct {
	URL      string   `help:"Address of the bridge. The address for pytest works too." default:"http://127.0.0.1:8080" env:"PYMON_HEALTHCHECK_URL"`
	Token    string   `help:"Token of a project. With it the bridge tells details." placeholder:"TOKEN" env:"PYMON_TOKEN" file:"" type:"secret"`
	Insecure bool     `help:"Do not verify the certificate of an https address." env:"PYMON_HEALTHCHECK_INSECURE"`
	Timeout  patience `help:"How long to wait for an answer." default:"5s" env:"PYMON_HEALTHCHECK_TIMEOUT"`
}

func (*healthcheckCmd) Help() string {
	return `
    pymon-bridge healthcheck
    pymon-bridge healthcheck --url https://pymon.example.org --timeout 10s`
}

// Run prints the state of each component and fails when the bridge cannot accept measurements.
func (c *healthcheckCmd) Run(ctx context.Context, m *Main) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	u, ok := webAddress(c.URL)
	if !ok {
		return errors.New("--url: expected an address such as http://127.0.0.1:8080")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin(u)+"/-/ready", nil)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	// The request uses no proxy of the environment, because it checks the bridge itself.
	client := http.Client{CheckRedirect: noRedirect, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: c.Insecure}, // #nosec G402 -- asked for by a flag
	}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no bridge answers: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if _, err := io.WriteString(m.Stdout, printableLines(string(said))); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New("the bridge is not ready: it answered " + response.Status)
	}
	return nil
}
