package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// startWithin is long, because a machine that also compiles needs several seconds.
	startWithin = 90 * time.Second
	stopWithin  = 60 * time.Second
)

// influxd is a server process that this package started.
type influxd struct {
	dir   string // folder of its data
	port  int
	token string // token of the operator
	proc  *process
}

// startInfluxd starts a server with an empty store in dir and sets it up.
func startInfluxd(dir string) (*influxd, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &influxd{dir: dir, port: port}
	if err := s.start(); err != nil {
		return nil, err
	}
	if err := s.setUp(); err != nil {
		s.proc.kill()
		return nil, err
	}
	return s, nil
}

func (s *influxd) url() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// start starts the server on its port and data, and waits until it answers.
func (s *influxd) start() error {
	bin, err := influxdBinary()
	if err != nil {
		return err
	}
	cmd := exec.Command(bin,
		"--bolt-path", filepath.Join(s.dir, "influxd.bolt"),
		"--sqlite-path", filepath.Join(s.dir, "influxd.sqlite"),
		"--engine-path", filepath.Join(s.dir, "engine"),
		"--http-bind-address", fmt.Sprintf("127.0.0.1:%d", s.port),
		"--reporting-disabled", "--ui-disabled", "--log-level", "info")
	if s.proc, err = startProcess(cmd, filepath.Join(s.dir, "influxd.log")); err != nil {
		return err
	}
	if err := poll(startWithin, s.proc.done, s.healthy); err != nil {
		s.proc.kill()
		return fmt.Errorf("influxd does not answer: %w\n%s", err, s.proc.tail())
	}
	return nil
}

func (s *influxd) healthy() error {
	resp, err := http.Get(s.url() + "/health")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /health: %s", resp.Status)
	}
	return nil
}

func (s *influxd) setUp() error {
	client := influxClient{url: s.url()}
	body, err := client.call(http.MethodPost, "/api/v2/setup", map[string]any{
		"username": "operator", "password": "operator-password", "org": "first", "bucket": "first",
	})
	if err != nil {
		return err
	}
	var answer struct {
		Auth struct {
			Token string `json:"token"`
		} `json:"auth"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("POST /api/v2/setup: %w", err)
	}
	s.token = answer.Auth.Token
	return nil
}

// influxdBinary returns the path of the server's executable. INFLUXD names it. Otherwise it is the one from `make influxd`.
func influxdBinary() (string, error) {
	bin := os.Getenv("INFLUXD")
	if bin == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		bin = filepath.Join(root, ".cache", "bin", "influxd")
	}
	if _, err := os.Stat(bin); err != nil {
		return "", fmt.Errorf("these tests need a real InfluxDB server; `make influxd` builds one, or the environment "+
			"variable INFLUXD names one: %w", err)
	}
	return bin, nil
}
