package monitor

import "iter"

// Course is how it goes on with a regression.
type Course string

// The courses. A regression is resolved when the value is usual again, and accepted when the new value has become usual, or when
// somebody accepted it.
const (
	CourseOpen     Course = "open"
	CourseResolved Course = "resolved"
	CourseAccepted Course = "accepted"
)

// Told is what a kept report tells of a regression.
type Told struct {
	ID     ResultID
	Course Course
	Result *Result // nil where the new value has become usual
}

// Courses lists what a kept report tells of regressions. It tells nothing of a result that it does not have: the run may have left
// the test out, or have been on another class of machine, and results that are ok are not kept. A suspect tells nothing, since it
// may be chance. Retracted results tell nothing either: they are what an earlier report on the same run said by mistake.
func (r *Report) Courses() iter.Seq[Told] {
	return func(yield func(Told) bool) {
		for _, id := range r.Accepted {
			if !yield(Told{id, CourseAccepted, nil}) {
				return
			}
		}
		for i := range r.Results {
			result := &r.Results[i]
			course := courses[result.Status]
			if course != "" && !yield(Told{result.ID(), course, result}) {
				return
			}
		}
	}
}

var courses = map[Status]Course{StatusRegression: CourseOpen, StatusResolved: CourseResolved, StatusImprovement: CourseResolved,
	StatusAccepted: CourseAccepted}
