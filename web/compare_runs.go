package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"pymon-bridge/monitor"
)

// leastDigits is how many digits of a commit, or of the id of a session, name it.
const leastDigits = 7

// chooseRuns finds the two runs. Without a head it is the last run that has ended of the branch that is asked for, or of the usual
// one. Without a base it is the run before the head on the same branch.
func (p *Pages) chooseRuns(ctx context.Context, v *visit, data *comparePage, usual string) error {
	head, err := p.runNamed(ctx, v.Project, data.HeadText)
	if err == nil && data.HeadText == "" {
		head, err = p.lastOf(ctx, v.Project, v.State.text("branch", usual))
	}
	switch {
	case err != nil:
		return err
	case head == nil && data.HeadText != "":
		return unknownRun("head", data.HeadText)
	case head == nil:
		return nil
	}
	var base *monitor.RunInfo
	if data.BaseText == previous || data.BaseText == "" {
		infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: v.Project, Branch: &head.Branch, Before: head.Started,
			Measured: true, Limit: 1})
		if err != nil {
			return err
		}
		if len(infos) > 0 {
			base = infos[0]
		}
	} else if base, err = p.runNamed(ctx, v.Project, data.BaseText); err != nil {
		return err
	} else if base == nil {
		return unknownRun("base", data.BaseText)
	}
	both := []*monitor.RunInfo{head}
	if base != nil {
		both = append(both, base)
	}
	rows, err := p.runRows(ctx, both)
	if err != nil {
		return err
	}
	if data.Head = rows[0]; base != nil {
		data.Base = rows[1]
	}
	return nil
}

// lastOf returns the last run of a branch that has ended; nil for none.
func (p *Pages) lastOf(ctx context.Context, project, branch string) (*monitor.RunInfo, error) {
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &branch, Measured: true, Limit: earlierRuns})
	if err != nil || len(infos) == 0 {
		return nil, err
	}
	return p.ended(ctx, infos)
}

// runNamed returns the run that people mean by its id, by its commit or by its branch; nil for none.
func (p *Pages) runNamed(ctx context.Context, project, name string) (*monitor.RunInfo, error) {
	if name == "" {
		return nil, nil
	}
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Run: name, Limit: 1})
	if err != nil || len(infos) > 0 {
		return first(infos), err
	}
	if id, err := p.theRunOfHash(ctx, project, name); err != nil {
		return nil, err
	} else if id != "" {
		infos, err = p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Run: id, Limit: 1})
		return first(infos), err
	}
	if len(name) >= leastDigits {
		runs, err := p.parts.Store.RunsOfCommit(ctx, project, name, 1)
		if err != nil {
			return nil, err
		}
		if len(runs) > 0 {
			infos, err = p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Run: runs[0], Limit: 1})
			return first(infos), err
		}
	}
	return p.lastOf(ctx, project, name)
}

func first(infos []*monitor.RunInfo) *monitor.RunInfo {
	if len(infos) == 0 {
		return nil
	}
	return infos[0]
}

func unknownRun(field, name string) error {
	return &monitor.Error{Code: monitor.EInvalid, Message: fmt.Sprintf("nothing is called %q", name),
		Fields: map[string]string{field: "expected the id of a run, seven digits or more of it or of a commit, or a branch"}}
}

func comparePath(project, base, head string) string {
	return "/p/" + project + "/compare?" + url.Values{"base": {base}, "head": {head}}.Encode()
}

// otherMachines returns in what the classes of machine of two runs differ; nil where they have one in common or none is known.
func otherMachines(base, head []string) []string {
	if len(base) == 0 || len(head) == 0 || slices.ContainsFunc(base, func(env string) bool { return slices.Contains(head, env) }) {
		return nil
	}
	return apart([]string{base[0], head[0]})
}
