// Package observe asks a running FRR how its sessions are: FRR's JSON in, State out. It judges nothing.
package observe
