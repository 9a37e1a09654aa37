// Package skip ends tests that lack something on this machine, so that nobody overlooks it: go test says nothing of what is skipped in a package that passes.
package skip

import (
	"fmt"
	"os"
	"testing"
)

// What makes a skip a failure where it is set to 1.
const (
	FRR  = "FRR_RENDERER_REQUIRE_FRR"
	KUBE = "FRR_RENDERER_REQUIRE_KUBE"
)

// list names a file that gets a line for each skip; make test prints it at its end.
const list = "FRR_RENDERER_SKIPS"

// Test skips a test, and says why on standard error and in the list. Where a variable is named and set to 1, the test fails.
func Test(t testing.TB, unless string, why any) {
	t.Helper()
	if unless != "" && os.Getenv(unless) == "1" {
		t.Fatal(why)
	}
	line := fmt.Sprintf("*** SKIPPED %s: %v", t.Name(), why)
	fmt.Fprintf(os.Stderr, "\n%s\n", line)
	if unless != "" {
		fmt.Fprintf(os.Stderr, "*** %s=1 makes this a failure.\n", unless)
	}
	if file, err := os.OpenFile(os.Getenv(list), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		fmt.Fprintln(file, line)
		file.Close()
	}
	t.Skip(why)
}
