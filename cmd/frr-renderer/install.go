package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

type installFlags struct {
	bin     string
	startup string
	frrDir  string
}

func newInstall() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use:   "install --bin DIR [--startup DIR --frr-dir DIR]",
		Short: "Put this program, and what FRR starts with, into a pod's volumes",
		Long: `For the init container of the chart. The program copies itself into --bin, so that another container runs it inside FRR's image. The files of
--startup go into --frr-dir, but for a frr.conf where there is one: that is what was applied last, and FRR comes back with it.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.install(); err != nil {
				return failed(err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&f.bin, "bin", "", "directory to copy the program into")
	c.Flags().StringVar(&f.startup, "startup", "", "directory of files for FRR's start: daemons, vtysh.conf, frr.conf")
	c.Flags().StringVar(&f.frrDir, "frr-dir", "", "FRR's directory of configuration, where these go")
	_ = c.MarkFlagRequired("bin")
	c.MarkFlagsRequiredTogether("startup", "frr-dir")
	return c
}

func (f *installFlags) install() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := copyFile(self, filepath.Join(f.bin, "frr-renderer"), 0o755); err != nil {
		return err
	}
	if f.startup == "" {
		return nil
	}
	return f.prepareFRR()
}

// prepareFRR copies the files for FRR's start. Those of a mounted ConfigMap are links into hidden folders, which are left alone.
func (f *installFlags) prepareFRR() error {
	entries, err := os.ReadDir(f.startup)
	if err != nil {
		return fmt.Errorf("read --startup: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		to := filepath.Join(f.frrDir, e.Name())
		if e.Name() == "frr.conf" && exists(to) {
			continue
		}
		if err := copyFile(filepath.Join(f.startup, e.Name()), to, 0o640); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// copyFile replaces to at once: a program that runs, or a file that is read, is never half a one.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(mode), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return os.Rename(out.Name(), to)
}
