package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
)

//go:embed static
var staticFiles embed.FS

// staticPath begins the paths of assets. The hash of the content follows, so a browser may keep an asset for ever.
const staticPath = "/-/static/"

// asset is a file of the pages.
type asset struct {
	hash, contentType string
	plain, zipped     []byte
}

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml"}

// assets has all assets by the names of their files.
var assets = readAssets()

func readAssets() map[string]*asset {
	all := map[string]*asset{}
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		contentType := assetTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || contentType == "" {
			return err
		}
		content, err := staticFiles.ReadFile(name)
		sum := sha256.Sum256(content)
		all[path.Base(name)] = &asset{hex.EncodeToString(sum[:6]), contentType, content, compress(content)}
		return err
	})
	if err != nil {
		panic(err) // the files are in the program
	}
	return all
}

// answerAsset answers with an asset. A page of an older version of the program gets the asset of this version.
func answerAsset(c *gin.Context) {
	a := assets[c.Param("file")]
	if a == nil {
		httpd.Fail(c, httpd.NoRoute())
		return
	}
	header := c.Writer.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "no-cache")
	if c.Param("hash") == a.hash {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.plain
	if acceptsGzip(c.Request) {
		header.Set("Content-Encoding", "gzip")
		body = a.zipped
	}
	c.Status(http.StatusOK)
	_, _ = c.Writer.Write(body)
}

// title returns a text with a great first letter.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
