// Package reload brings a running FRR to a document with the least disturbance: document against running configuration gives a Plan;
// applying and verifying it gives a Result.
//
// The order of commands and what each one disturbs are FRR's own rules, learned from running FRR 8.4 and 10.3; the files are named after
// the FRR block that they order. It knows nothing of Kubernetes or of why a line is wanted.
package reload
