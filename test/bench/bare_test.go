package bench_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// bareServer and keepIn are environment variables of the bare server, which the bridge is compared with. bareServer names
// the file for its address. With keepIn the server also appends the posted metrics to the named file, and syncs the file.
const (
	bareServer = "BENCH_BARE_SERVER"
	keepIn     = "BENCH_KEEP_IN"
)

// serveBare answers each POST with 201 and each GET with 204. The answer to a context is constant, because the plugin
// reads the hash in it. All other answers are empty.
func serveBare(portFile string) (exitCode int) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/metrics/", answerCreated(os.Getenv(keepIn)))
	engine.POST("/sessions/", func(c *gin.Context) { c.Status(http.StatusCreated) })
	engine.POST("/contexts/", func(c *gin.Context) {
		c.Data(http.StatusCreated, "application/json", []byte(`{"h": "00000000000000000000000000000000"}`))
	})
	engine.GET("/contexts/:h", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(portFile, []byte("http://"+l.Addr().String()), 0o600)
	}
	if err == nil {
		err = http.Serve(l, engine)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// kept is a body that waits for its sync.
type kept struct {
	body []byte
	done chan<- error
}

// answerCreated returns a handler that answers 201. With a file, the handler first appends the body to it and syncs it. Bodies
// that wait at the same time share a sync.
func answerCreated(file string) gin.HandlerFunc {
	if file == "" {
		return func(c *gin.Context) { c.Status(http.StatusCreated) }
	}
	f, err := os.Create(file)
	if err != nil {
		panic(err)
	}
	waiting := make(chan kept, 512)
	go func() {
		for first := range waiting {
			keepGroup(f, first, waiting)
		}
	}()
	return func(c *gin.Context) {
		done := make(chan error, 1)
		body, err := io.ReadAll(c.Request.Body)
		if err == nil {
			waiting <- kept{body, done}
			err = <-done
		}
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Status(http.StatusCreated)
	}
}

// keepGroup appends the bodies that wait, and syncs them.
func keepGroup(f *os.File, first kept, waiting <-chan kept) {
	group, all := []kept{first}, first.body
	for len(waiting) > 0 {
		k := <-waiting
		group, all = append(group, k), append(all, k.body...)
	}
	_, err := f.Write(all)
	if err == nil {
		err = f.Sync()
	}
	for _, k := range group {
		k.done <- err
	}
}

// startBare starts the bare server.
func startBare(b *testing.B, env ...string) (url string, pid int) {
	b.Helper()
	portFile := filepath.Join(b.TempDir(), "url")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), bareServer+"="+portFile), env...)
	p := harness.StartProcess(b, cmd)
	return readURL(b, portFile, p), p.PID()
}

// readURL waits for the file in which a server writes its address.
func readURL(b *testing.B, portFile string, p *harness.Process) string {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(portFile); err == nil && len(text) > 0 {
			return strings.TrimSpace(string(text))
		}
	}
	require.Fail(b, "the server does not start", p.Output())
	return ""
}
