package monitor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Code classifies an error by what its receiver can do about it.
type Code string

// The codes. Each package that talks to the outside maps them to that outside's words in one place.
const (
	EInvalid      Code = "invalid"      // the input is wrong; Fields says where
	ENotFound     Code = "not_found"    // there is no such thing
	EUnauthorized Code = "unauthorized" // no valid credentials
	EForbidden    Code = "forbidden"    // valid credentials, for something else
	ETooLarge     Code = "too_large"    // the input is above a configured limit
	EFull         Code = "full"         // the disk or the configured size is full
	EUnavailable  Code = "unavailable"  // works again later by itself
	EInternal     Code = "internal"     // a fault of this program or its machine
)

// Error is an error that a caller can act on and a person can read.
type Error struct {
	Code    Code
	Message string
	// Fields names each wrong field of an EInvalid error and says what was expected there.
	Fields map[string]string
	// RetryAfter is when trying again makes sense, for EFull and EUnavailable.
	RetryAfter time.Duration
	// Err is the cause, if there is one; Message has its text.
	Err error
}

// Error lists the message and the fields in alphabetical order.
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

// Errorf makes an error of the given code. The operand of a %w verb becomes the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// ErrorCode returns the code of the first [Error] in err's chain, EInternal if there is none, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return EInternal
}
