// Package gdc proves GDC mode with real FRR: golden cases of each node of a cluster, facts about FRR that the mode is built on, and scenarios
// with the documents' networks.
package gdc
