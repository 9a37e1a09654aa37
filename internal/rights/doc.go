// Package rights is the one list of what "frr-renderer run" and "frr-renderer manager" read and write at the API server, each with the reason. Nothing comes in; the
// chart's ClusterRole and Role (charts/generate), the table of docs/security.md and the tests' users come out of it. Who needs another verb
// writes it here. It must not know what the rights are used for: it is a list, and test/chart holds it to what the API server sees.
// Manager is the list of "frr-renderer manager", All that of "frr-renderer run".
package rights
