package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// Store has what the pages show.
type Store interface {
	monitor.PageStore
	monitor.ListStore
	monitor.HistoryStore
	monitor.DriftStore
	// Report returns the kept report on a run. It fails with ENotFound when there is none.
	Report(ctx context.Context, project, run string) (*monitor.Report, error)
	// ReportVersions returns the versions of the kept reports on runs, by the ids of the runs. Whenever a report changes, it gets
	// a version that no report had before. A run without a report has no entry.
	ReportVersions(ctx context.Context, project string, runs []string) (map[string]int64, error)
}

// Words are the words that reports have for their readers. Pages have the same, so that page, comment and terminal say the
// same.
type Words interface {
	// Sentence says what a report found.
	Sentence(r *monitor.Report) string
	// Amount returns a value of a judged metric with its unit, in three digits or so.
	Amount(metric string, value float64) string
	// Ratio returns a ratio as ×1.50.
	Ratio(ratio float64) string
	// Printable returns a text from outside in which nothing is invisible or changes the direction of writing.
	Printable(s string) string
	// Commit returns the first digits of a hash.
	Commit(ref string) string
	// Growth says how something grew slowly, without a subject.
	Growth(metric string, d *monitor.Drift) string
	// Growing says in sentences how the suite and its parts grow slowly.
	Growing(r *monitor.Report) []string
	// Again returns the command that runs the regressions and suspects of a report again, and sends to a bridge unless its address is "";
	// "" for none.
	Again(r *monitor.Report, bridge string) string
}

// Detector says what is usual, as it does when it judges.
type Detector interface {
	// Usual returns the middle of some values that a metric of a test had on a class of machine, oldest first, and the range
	// beyond which the next value is conspicuous. All three are NaN without values.
	Usual(env, metric string, values []float64) (low, usual, high float64)
	// RunsNeeded is how many runs on a class of machine there have to be before a later one is judged.
	RunsNeeded() int
}

// Parts has the parts of [Pages]. All are required.
type Parts struct {
	Store    Store
	Words    Words
	Detector Detector
	Accepter monitor.Accepter
	Turns    *turns.Queue // the reads of the API take turns with those of the pages
	Version  string
	Log      *slog.Logger
}

// Pages answers browsers. The exported fields may be changed before the first request.
type Pages struct {
	// Quiet is the time without a record after which a run has ended.
	Quiet time.Duration
	// MaxTests is how many tests of runs that were looked at stay in memory, of all runs together. The two runs that were looked
	// at last always stay. A test takes about 450 bytes.
	MaxTests int
	// MaxSending is the size in bytes of the large answers that readers are taking, of all together.
	MaxSending int
	// Now returns the time.
	Now func() time.Time
	// Condition says how the bridge is.
	Condition func(ctx context.Context) (*Condition, error)

	parts     Parts
	server    *httpd.Server
	snapshots snapshots
	briefs    *lru.Cache[int64, *brief]
	followed  *lru.Cache[[2]string, *followed] // by project and branch
	sendings  sendings
	rejudged  rejudged
}

// New returns the pages.
func New(parts Parts) *Pages {
	briefs, _ := lru.New[int64, *brief](maxBriefs) // fails for a size below one
	followed, _ := lru.New[[2]string, *followed](maxFollowed)
	return &Pages{Quiet: 5 * time.Minute, MaxTests: 100_000, MaxSending: 64 << 20, Now: time.Now,
		Condition: func(context.Context) (*Condition, error) { return &Condition{}, nil }, parts: parts, briefs: briefs, followed: followed}
}

// Mount adds all routes to a server, and makes it answer errors with pages.
func (p *Pages) Mount(s *httpd.Server) {
	p.server = s
	s.ErrorPage = p.answerError
	s.Public().GET(staticPath+":hash/:file", answerAsset)
	s.Public().GET(loginPath, p.getLogin)
	s.Public().POST(loginPath, p.postLogin)
	s.Public().POST(logoutPath, p.postLogout)
	s.Routes("/", monitor.ScopeRead).POST(codePath, p.postCode)
	s.Routes("/", monitor.ScopeRead).GET("/", onlyForBrowsers, p.page(p.home))
	s.Routes("/", monitor.ScopeRead).GET(statusPath, p.page(p.status))
	s.Data("/p/:project", monitor.ScopeAdmin).POST("/"+acceptPath, p.accept)
	project := s.Data("/p/:project", monitor.ScopeRead)
	for path, load := range map[string]loader{
		"": p.overview, "/runs/:run": p.run, "/test": p.test, "/find": p.find,
		"/runs": p.runList, "/tests": p.testList, "/regressions": p.regressionList, "/compare": p.compare,
	} {
		project.GET(path, p.page(load))
		project.GET(path+"/", p.page(load))
	}
}

// onlyForBrowsers keeps the answer that programs have always got at "/", unless they name a format.
func onlyForBrowsers(c *gin.Context) {
	if !httpd.WantsPage(c.Request) && !c.Request.URL.Query().Has("format") {
		httpd.Fail(c, httpd.NoRoute())
	}
}

// place is a part of a project that the top bar leads to.
type place struct {
	Path  string // below the project
	Title string
}

// places are in the order of the top bar.
var places = []place{{"", "Overview"}, {"runs", "Runs"}, {"tests", "Tests"}, {"regressions", "Regressions"}, {"compare", "Compare"}}

// redirect sends the browser to a path of the bridge.
func redirect(c *gin.Context, path string) {
	c.Redirect(http.StatusSeeOther, httpd.LinkPrefix(c)+path)
}
