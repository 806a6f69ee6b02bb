package api

import (
	_ "embed" // for the document
	"encoding/json"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5/static"
	"github.com/swaggest/swgui/v5emb"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// handWritten is the part of the OpenAPI document that is written by hand: the types and the POST routes.
//
//go:embed openapi.json
var handWritten []byte

type document struct {
	OpenAPI    string                          `json:"openapi"`
	Info       json.RawMessage                 `json:"info"`
	Servers    []server                        `json:"servers"`
	Security   json.RawMessage                 `json:"security"`
	Paths      map[string]map[string]operation `json:"paths"` // by path and method
	Components json.RawMessage                 `json:"components"`
}

type server struct {
	URL string `json:"url"`
}

// operation describes a route and its method.
type operation struct {
	Summary     string          `json:"summary"`
	OperationID string          `json:"operationId"`
	Tags        []string        `json:"tags"`
	Parameters  []reference     `json:"parameters,omitempty"`
	RequestBody json.RawMessage `json:"requestBody,omitempty"`
	Responses   map[string]any  `json:"responses"` // by status
}

// reference refers to a part of the document's components.
type reference struct {
	Ref string `json:"$ref"`
}

func parameterRef(name string) reference { return reference{"#/components/parameters/" + name} }
func responseRef(name string) reference  { return reference{"#/components/responses/" + name} }

// The paths of the document and of the documentation page, below the base path.
const (
	documentPath = "/openapi.json"
	docsPath     = "/docs"
)

func (a *API) documentRoutes() []route {
	return []route{
		{path: documentPath, summary: "This OpenAPI document", answer: "Document", handle: handler(a.answerDocument)},
		{path: docsPath, summary: "This document as a web page", answer: "Page", handle: handler(answerDocs)},
		{path: docsPath + "/:asset", summary: "A file of the web page", answer: "Asset", handle: handler(answerDocs)},
	}
}

// answerDocument answers with the document. Its server is the base path of the request.
func (a *API) answerDocument(c *gin.Context) error {
	doc, err := describe(slices.Concat(a.readRoutes(), a.lookupRoutes(), a.documentRoutes()))
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(strings.TrimSuffix(linkPath(c.Request.URL), "/"), documentPath)
	doc.Servers = []server{{httpd.LinkPrefix(c) + base}}
	c.JSON(http.StatusOK, doc)
	return nil
}

// describe returns the document: the hand-written part and the routes.
func describe(routes []route) (*document, error) {
	var doc document
	if err := json.Unmarshal(handWritten, &doc); err != nil {
		return nil, err
	}
	for _, r := range routes {
		path, params := describePath(r.path)
		if doc.Paths[path] == nil {
			doc.Paths[path] = map[string]operation{}
		}
		doc.Paths[path]["get"] = describeRoute(r, path, params)
	}
	return &doc, nil
}

// describePath returns the path of a route in the form of OpenAPI, and the names of its parameters.
func describePath(path string) (string, []string) {
	var params []string
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && part[0] == ':' {
			params = append(params, part[1:])
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/"), params
}

func describeRoute(r route, path string, params []string) operation {
	op := operation{
		Summary:     r.summary,
		OperationID: "get" + strings.NewReplacer("/", "_", "{", "", "}", "", ".", "_").Replace(strings.TrimSuffix(path, "/")),
		Tags:        []string{strings.Split(path, "/")[1]},
		Responses: map[string]any{"200": responseRef(r.answer), "400": responseRef("Invalid"),
			"401": responseRef("Unauthorized"), "403": responseRef("Forbidden"), "404": responseRef("NotFound"),
			"413": responseRef("TooLarge"), "503": responseRef("Unavailable")},
	}
	if r.empty {
		op.Responses["204"] = responseRef("Nothing")
	}
	for _, name := range append(params, r.query...) {
		op.Parameters = append(op.Parameters, parameterRef(name))
	}
	return op
}

// answerDocs answers with the documentation page or a file of it. All files are embedded in the program.
func answerDocs(c *gin.Context) error {
	if asset := c.Param("asset"); asset != "" && !isAsset(asset) {
		return monitor.Errorf(monitor.ENotFound, "the documentation page has no file %q", asset)
	}
	path := linkPath(c.Request.URL)
	base := path[:strings.LastIndex(path, docsPath)]
	public := httpd.LinkPrefix(c) + base
	page := v5emb.NewWithConfig(swgui.Config{InternalBasePath: base + docsPath})
	serve := page("pymon-bridge", public+documentPath, public+docsPath)
	if c.Param("asset") != "" {
		serve.ServeHTTP(c.Writer, c.Request)
		return nil
	}
	answer := &policed{ResponseWriter: c.Writer}
	serve.ServeHTTP(answer, c.Request)
	return answer.send()
}

func isAsset(name string) bool {
	for _, file := range [...]string{name, name + ".gz"} {
		if _, err := fs.Stat(static.FS, file); err == nil {
			return true
		}
	}
	return false
}
