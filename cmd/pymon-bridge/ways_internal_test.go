package main

// waysToB are requests that try to reach project "b" with a token of project "a": a line with the method and the target,
// then lines of headers. SECRET stands for the token. Without an Authorization header the test adds one. The status 200 or
// 204 is the answer of project "a".
var waysToB = map[string]struct {
	status  int
	request string
}{
	// The project in the path, spelled in other ways.
	"path":                              {403, "GET /p/b/api/v1/metrics/"},
	"encoded name":                      {403, "GET /p/%62/api/v1/metrics/"},
	"encoded prefix":                    {404, "GET /%70/b/api/v1/metrics/"},
	"encoded slash before":              {404, "GET /p%2Fb/api/v1/metrics/"},
	"encoded slash after":               {404, "GET /p/b%2Fapi%2Fv1/metrics/"},
	"encoded slash in the name":         {404, "GET /p/a%2Fb/api/v1/metrics/"},
	"doubly encoded name":               {404, "GET /p/%2562/api/v1/metrics/"},
	"encoded backslash":                 {404, "GET /p/a%5Cb/api/v1/metrics/"},
	"NUL after the name":                {404, "GET /p/a%00b/api/v1/metrics/"},
	"NUL after the other name":          {404, "GET /p/b%00/api/v1/metrics/"},
	"space after the name":              {404, "GET /p/b%20/api/v1/metrics/"},
	"plus after the name":               {404, "GET /p/b+/api/v1/metrics/"},
	"semicolon after the name":          {404, "GET /p/a;b/api/v1/metrics/"},
	"upper case prefix":                 {404, "GET /P/b/api/v1/metrics/"},
	"upper case name":                   {403, "GET /p/B/api/v1/metrics/"},
	"trailing dot":                      {403, "GET /p/b./api/v1/metrics/"},
	"doubled slashes":                   {403, "GET //p//b//api//v1//metrics//"},
	"doubled slash as an empty project": {403, "GET /p//b/api/v1/metrics/"},
	"no project":                        {403, "GET /p//api/v1/metrics/"},
	"dot":                               {403, "GET /./p/./b/./api/v1/metrics/"},
	"dots":                              {403, "GET /p/a/../b/api/v1/metrics/"},
	"encoded dots":                      {404, "GET /p/a/%2e%2e/b/api/v1/metrics/"},
	"encoded dots and slash":            {404, "GET /p/a/..%2fb/api/v1/metrics/"},
	"dots as project":                   {404, "GET /p/%2e%2e/p/b/api/v1/metrics/"},
	"dots behind the API":               {403, "GET /p/a/api/v1/../../../b/api/v1/metrics/"},
	"fragment":                          {404, "GET /p/b#/api/v1/metrics/"},
	"other base path: lookup":           {403, "GET /p/b/sessions/SESSION"},
	"other base path: prefix":           {403, "GET /p/b/sessions/0"},
	"path twice":                        {403, "GET /p/b/api/v1/p/b/api/v1/metrics/"},
	"alias of the other project":        {404, "GET /p/a/api/v1/p/b/api/v1/metrics/"},
	"alias of the own project":          {403, "GET /p/b/api/v1/p/a/api/v1/metrics/"},
	"alias behind the root":             {404, "GET /api/v1/p/b/api/v1/metrics/"},

	// Names and hashes of the other project, in the own project.
	"lookup of its session":        {204, "GET /sessions/SESSION"},
	"lookup of its context":        {204, "GET /contexts/CONTEXT\nAccept: */*"},
	"its session in a list":        {204, "GET /api/v1/sessions/SESSION\nAccept: application/json"},
	"its session as NDJSON":        {200, "GET /api/v1/sessions/SESSION?format=ndjson"},
	"its context in a list":        {204, "GET /p/a/api/v1/contexts/CONTEXT?page=1"},
	"metrics of its session":       {200, "GET /api/v1/sessions/SESSION/metrics"}, // "a" has one
	"metrics of its context":       {200, "GET /api/v1/contexts/CONTEXT/metrics"}, // "a" has one
	"metrics of its commit":        {204, "GET /api/v1/filters/scm/commit-b/metrics"},
	"sessions of its commit":       {204, "GET /api/v1/filters/scm/commit-b/sessions"},
	"metrics of its kind":          {204, "GET /api/v1/filters/scope/function-b/metrics"},
	"metrics of its item":          {204, "GET /api/v1/items/test_b/metrics"},
	"metrics of its items by text": {200, "GET /api/v1/items/like/test/metrics?page=-1&of=b"},
	"metrics of its variant":       {204, "GET /api/v1/variants/test_b/metrics"},
	"metrics of its component":     {204, "GET /api/v1/components/part-b/metrics"},
	"outcomes of its session":      {200, "GET /api/v1/sessions/SESSION/outcomes"},        // "a" has one
	"outcomes of its run":          {200, "GET /api/v1/runs/nightly/outcomes?format=csv"}, // "a" has one of this name
	"outcomes of its item":         {204, "GET /api/v1/items/test_b/outcomes?outcome=passed"},
	"its flaky tests":              {200, "GET /api/v1/tests/flaky?branch=main&since=2020-01-01&project=b"},
	"number of its metrics":        {200, "GET /api/v1/filters/scm/commit-b/metrics/count"},
	"number of its contexts":       {200, "GET /api/v1/contexts/count"},
	"its pipelines":                {200, "GET /api/v1/components/part-b/pipelines"},
	"its builds":                   {200, "GET /api/v1/pipelines/pipe-b/builds"},
	"its sessions by tag":          {204, "GET /api/v1/sessions/?with_flags=note&restrict_flags=of%20b"},
	"all sessions by tags":         {200, "GET /api/v1/sessions/?with_flags=note,run&method=match_any"},
	"its greatest metrics":         {200, "GET /api/v1/resources/memory/components/part-b/head/3/metrics"},
	"a run of the same name":       {200, "GET /api/v1/runs/nightly"},
	"a report of the same run":     {200, "GET /api/v1/regressions?run=nightly"},
	"a report on its commit":       {404, "GET /api/v1/regressions?scm_ref=commit-b"},
	"compared with its branch":     {404, "GET /api/v1/regressions?branch=pipe-b"},
	"a page beyond the own":        {404, "GET /api/v1/metrics/?page=4"},
	"the last page":                {200, "GET /api/v1/metrics/?page=-1"},

	// The project in a parameter.
	"parameter project":           {403, "GET /api/v1/regressions?project=b"},
	"parameter project, two":      {403, "GET /api/v1/regressions?project=b&project=a"},
	"parameter project, hidden":   {200, "GET /api/v1/regressions?project=a&project=b"},
	"parameter project, in path":  {403, "GET /p/a/api/v1/regressions?project=b"},
	"parameter project of a list": {200, "GET /api/v1/metrics/?project=b"},
	"parameter in the body":       {403, "GET /api/v1/regressions?project=b\nContent-Length: 0"},
	"encoded question mark":       {404, "GET /api/v1/regressions%3Fproject=b"},

	// Methods.
	"HEAD":                   {403, "HEAD /p/b/api/v1/metrics/"},
	"HEAD of a lookup":       {403, "HEAD /p/b/sessions/SESSION"},
	"OPTIONS":                {200, "OPTIONS /p/b/api/v1/metrics/"},
	"OPTIONS of the server":  {200, "OPTIONS *"},
	"method that is unknown": {405, "QUERY /p/b/api/v1/metrics/"},
	"lower case method":      {405, "get /p/b/api/v1/metrics/"},
	"method override":        {403, "POST /p/b/sessions/SESSION\nContent-Length: 0\nX-HTTP-Method-Override: GET"},
	"method override, query": {403, "POST /p/b/sessions/SESSION?_method=GET\nContent-Length: 0"},

	// Headers that other servers believe.
	"X-Forwarded-Prefix":        {200, "GET /api/v1/metrics/\nX-Forwarded-Prefix: /p/b"},
	"X-Forwarded-Prefix, own":   {200, "GET /p/a/api/v1/metrics/\nX-Forwarded-Prefix: /p/b"},
	"X-Original-URL":            {200, "GET /api/v1/metrics/\nX-Original-URL: /p/b/api/v1/metrics/"},
	"X-Rewrite-URL":             {200, "GET /api/v1/metrics/\nX-Rewrite-URL: /p/b/api/v1/metrics/"},
	"X-Forwarded-Host":          {200, "GET /api/v1/metrics/\nX-Forwarded-Host: b"},
	"X-Forwarded-For":           {401, "GET /api/v1/metrics/\nX-Forwarded-For: 127.0.0.1\nAuthorization: Bearer"},
	"X-Forwarded-User":          {401, "GET /api/v1/metrics/\nX-Forwarded-User: b\nAuthorization: Bearer"},
	"Forwarded":                 {200, "GET /api/v1/metrics/\nForwarded: for=127.0.0.1;host=b;proto=https"},
	"Host with a path":          {400, "GET /api/v1/metrics/\nHost: localhost/p/b"},
	"Host of the other project": {200, "GET /api/v1/metrics/\nHost: b"},
	"target with a host":        {200, "GET http://b/api/v1/metrics/"},
	"target with a host, path":  {403, "GET http://localhost/p/b/api/v1/metrics/"},
	"target with a user":        {403, "GET http://x:b-read@localhost/p/b/api/v1/metrics/\nAuthorization: Bearer SECRET"},
	"Cookie":                    {200, "GET /api/v1/metrics/\nCookie: project=b; token=b"},
	"Referer":                   {200, "GET /api/v1/metrics/\nReferer: http://localhost/p/b/api/v1/metrics/"},

	// Credentials.
	"the project as user":   {403, "GET /p/b/api/v1/metrics/\nAuthorization: Token SECRET"},
	"two Authorizations":    {403, "GET /p/b/api/v1/metrics/\nAuthorization: Bearer SECRET\nAuthorization: Bearer b"},
	"two the other way":     {401, "GET /p/b/api/v1/metrics/\nAuthorization: Bearer b\nAuthorization: Bearer SECRET"},
	"two in one line":       {401, "GET /p/b/api/v1/metrics/\nAuthorization: Bearer SECRET, Bearer b"},
	"Proxy-Authorization":   {401, "GET /p/b/api/v1/metrics/\nProxy-Authorization: Bearer SECRET\nAuthorization: Bearer"},
	"token in the query":    {401, "GET /p/b/api/v1/metrics/?token=SECRET&access_token=SECRET\nAuthorization: Bearer"},
	"token with a wildcard": {401, "GET /p/b/api/v1/metrics/\nAuthorization: Bearer b-%"},

	// What everybody with a token sees.
	"documentation":      {403, "GET /p/b/api/v1/docs"},
	"document":           {403, "GET /p/b/api/v1/openapi.json"},
	"readiness below it": {403, "GET /p/b/-/ready"},
	"metrics below it":   {403, "GET /p/b/-/metrics"},
}
