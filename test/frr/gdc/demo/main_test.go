package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) { os.Exit(product.Main(m)) }

// What "make demo-gdc" plays, from its first line to its last; how long anything takes is not asked.
func TestDemo(t *testing.T) {
	fabric.Require(t, fabric.V84)
	apiserver.Require(t)
	binary := product.Path(t)
	t.Setenv("TMPDIR", t.TempDir()) // run sets it, too
	printed := printing(t, func() { require.NoError(t, run(binary, false)) })
	for _, line := range []string{
		`(?m)^NAME +LOCAL ASN +PEER ASN +LOCAL IP +PEER IP +STATE +LAST REPORT$`,
		`(?m)^10\.8\.0\.10-n1 +65001 +65002 +10\.0\.1\.100 +10\.8\.0\.10 +Established `,
		`(?m)^10\.8\.0\.11-n3 +65001 +65002 +10\.0\.2\.100 +10\.8\.0\.11 +Established `,
		`(?m)^NAME +PREFIX +METRIC$`,
		`(?m)^default-default-web1 +203\.0\.113\.1/32`,
		`through tor1: n1 \d+ times n2 \d+ times n3 \d+ times`,
		`through tor2: n\d \d+ times n\d \d+ times\n`,
		`(?m)^ +\d+\.\d s  the manager says: 10\.0\.1\.100 goes to n2$`,
		`(?m)^ +\d+\.\d s  tor1 has (a|a new) session with 10\.0\.1\.100`,
		`(?m)^10\.8\.0\.10-n2 +65001 +65002 +10\.0\.1\.100 +10\.8\.0\.10 +Established `,
		`n1 has power again`,
	} {
		require.Regexp(t, line, printed)
	}
	require.NotRegexp(t, `(?m)^10\.0\.1\.100: n1$[\s\S]*n1 has power again[\s\S]*^10\.0\.1\.100: n1$`, printed, "the floating IP stays where it works")
}

// printing is what do prints.
func printing(t *testing.T, do func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	require.NoError(t, err)
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	do()
	printed, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(printed)
}
