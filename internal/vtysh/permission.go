package vtysh

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// denied tells which right is missing to open a socket, and who could have it.
func denied(path string) error {
	name := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	} else {
		name = "user " + name
	}
	what, at := "socket", path
	info, err := os.Stat(at)
	for err != nil && at != "/" {
		// A folder on the way may not be passed.
		what, at = "folder", filepath.Dir(at)
		info, err = os.Stat(at)
	}
	if err != nil {
		return fmt.Errorf("%w to open %s as %s", ErrPermission, path, name)
	}
	return fmt.Errorf("%w to open %s as %s: %s", ErrPermission, path, name, missing(what, at, path, info))
}

func missing(what, at, path string, info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	owner, group := strconv.Itoa(int(stat.Uid)), strconv.Itoa(int(stat.Gid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	of := "the " + what
	if at != path {
		of = at
	}
	is := fmt.Sprintf("(%s is %s:%s %04o)", of, owner, group, info.Mode().Perm())
	need := fs.FileMode(0o020) // connecting is writing
	if info.IsDir() {
		need = 0o010
	}
	groups, _ := os.Getgroups()
	if info.Mode()&need == 0 || slices.Contains(append(groups, os.Getegid()), int(stat.Gid)) {
		return fmt.Sprintf("run as %s %s", owner, is)
	}
	return fmt.Sprintf("add it to group %s %s", group, is)
}
