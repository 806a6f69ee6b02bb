package monitor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Code classifies errors by what the receiver can do about them.
type Code string

// The codes. Each package that answers clients translates the codes in one place, for example to HTTP statuses.
const (
	EInvalid      Code = "invalid"      // the input is wrong; Fields names the wrong fields
	ENotFound     Code = "not_found"    // what was asked for does not exist
	EUnauthorized Code = "unauthorized" // no valid credentials
	EForbidden    Code = "forbidden"    // the credentials are valid, but not for this request
	ETooLarge     Code = "too_large"    // the input is above a configured limit
	EFull         Code = "full"         // the disk is full, or the file has reached its configured size
	EUnavailable  Code = "unavailable"  // it works again later without any action
	EInternal     Code = "internal"     // a fault of this program or its machine
)

// Error is an error for programs and people: a caller acts on the code, and a person reads the message.
type Error struct {
	Code    Code
	Message string
	// Fields has the wrong fields of an EInvalid error. The value says what was expected in the field.
	Fields map[string]string
	// RetryAfter says after what time to try again, for EFull and EUnavailable.
	RetryAfter time.Duration
	// Err is the cause, if there is one. Message includes its text.
	Err error
}

// Error returns the message and then the fields in alphabetical order.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "; %s: %s", name, e.Fields[name])
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error with the given code. The operand of a %w verb is the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// ErrorCode returns the code of the first [Error] in err's chain. It returns EInternal if the chain has none, and ""
// for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return EInternal
}
