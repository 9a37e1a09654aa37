// Package problem holds what is wrong with a user's object, as data: which object, which field, why, and how to mend it.
//
// Sources and translate make problems; the command line, logs, Events, metrics and status show them. A problem is never an error
// of the program, and is not retried: the user acts.
package problem
