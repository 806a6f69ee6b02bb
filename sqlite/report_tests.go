package sqlite

import (
	"context"
	"encoding/json"
	"hash/fnv"

	"pymon-bridge/monitor"
)

// testsOf returns the value of reports.tests: the keys of the tests of some results, each once.
func testsOf(results []monitor.Result) []byte {
	keys, seen := []byte{}, map[[8]byte]bool{}
	for i := range results {
		if key := keyOfTest(&results[i].TestID); !seen[key] {
			seen[key] = true
			keys = append(keys, key[:]...)
		}
	}
	return keys
}

// keyOfTest returns a hash of a test, the same for each class of machine.
func keyOfTest(t *monitor.TestID) (key [8]byte) {
	h := fnv.New64a()
	for _, text := range []string{t.Component, t.ItemPath, t.Item, t.ItemVariant, t.Kind} {
		_, _ = h.Write(append([]byte(text), 0xff)) // never fails
	}
	return [8]byte(h.Sum(nil))
}

// keptOfTest is a query for what kept reports say, as a whole only where they have results of a test. Decoding a report takes far
// longer than reading that it says nothing. The bytes of a key may stand where no key begins, which costs time only.
const keptOfTest = `SELECT run, brief, CASE WHEN instr(tests, ?) > 0 THEN content END
	FROM reports WHERE project = ? AND run IN (%s)`

// KeptResults implements [monitor.PageStore].
func (db *DB) KeptResults(ctx context.Context, test monitor.Series, runs []string) (map[string]monitor.KeptResult, error) {
	id := test.ID("")
	found, key := map[string]monitor.KeptResult{}, keyOfTest(&id)
	return found, db.ofRuns(ctx, keptOfTest, test.Project, runs, func(row scanner) error {
		var run, brief string
		var content []byte
		err := row.Scan(&run, &brief, &content)
		if err == nil {
			found[run], err = resultsOf(brief, content, test)
		}
		return err
	}, key[:])
}

// resultsOf returns what a kept report says of a test. content is nil where it says nothing.
func resultsOf(brief string, content []byte, test monitor.Series) (kept monitor.KeptResult, err error) {
	var of monitor.Brief
	if content == nil {
		err = json.Unmarshal([]byte(brief), &of)
		kept.Learning = of.Verdict == monitor.StatusLearning
		return kept, err
	}
	r, err := decodeReport(content)
	if err != nil {
		return kept, err
	}
	kept.Learning = r.Verdict() == monitor.StatusLearning
	for _, result := range r.Results {
		if result.TestID == test.ID(result.Env) {
			kept.Results = append(kept.Results, result)
		}
	}
	return kept, nil
}
