package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// maxAnswer is how many results an answer has at most. Where more of them could not be judged, as the memory of a large suite that
// several processes ran, reading them would take as long as judging.
const maxAnswer = 10_000

// encodeAnswer returns what [DB.Answer] reads: the report as judging made it. What the worker made of it since, such as results
// that are resolved, were ok then. The basis is empty for a report that is no answer.
func encodeAnswer(r *monitor.Report) (basis string, answer []byte, err error) {
	if r.Basis == "" {
		return "", nil, nil
	}
	said := *r
	said.Results, said.Accepted, said.Retracted = []monitor.Result{}, nil, nil
	for i := range r.Results {
		switch r.Results[i].Status {
		case monitor.StatusOK, monitor.StatusLearning, monitor.StatusResolved:
			continue
		}
		if len(said.Results) == maxAnswer {
			return "", nil, nil
		}
		said.Results = append(said.Results, r.Results[i])
	}
	answer, err = encodeReport(&said)
	return r.Basis, answer, err
}

// Answer implements [monitor.AnswerStore].
func (db *DB) Answer(ctx context.Context, project, run, basis string) (*monitor.Report, error) {
	var answer []byte
	_, err := db.row(ctx, "SELECT answer FROM reports WHERE project = ? AND run = ? AND basis = ? AND basis <> ''",
		[]any{project, run, basis}, &answer)
	if err != nil || answer == nil {
		return nil, err
	}
	return decodeReport(answer)
}
