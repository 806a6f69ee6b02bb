package influx

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"pymon-bridge/monitor"
)

// DeleteProject removes all points of a project from both buckets. It needs write access to them. A bucket that is missing
// has no points. The error names the bucket.
func (w *Writer) DeleteProject(ctx context.Context, project string) error {
	body, err := json.Marshal(map[string]string{"start": "1677-09-21T00:12:44Z", "stop": "2262-04-11T23:47:16Z",
		"predicate": tagProject + `="` + project + `"`})
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "delete project %s: %w", project, err)
	}
	for _, bucket := range []string{w.cfg.MetaBucket, w.cfg.Bucket} {
		query := url.Values{"org": {w.cfg.Org}, "bucket": {bucket}}
		err := w.reader.rest.call(ctx, http.MethodPost, "delete", query, string(body), nil)
		if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
			return wrap(err, "delete project %s from bucket %q", project, bucket)
		}
	}
	return nil
}
