package source

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

func TestDirectoriesAreReadRecursively(t *testing.T) {
	dir := files(t, map[string]string{
		"b.yaml": service("b"), "a.yml": service("a"), "sub/deeper/c.json": `{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"}}`,
		".hidden.yaml": service("hidden"), ".git/x.yaml": service("hidden"), "notes.txt": service("text"), "b.yaml~": service("backup"), ".b.yaml.swp": "x",
	})
	r := read(t, dir)
	require.Empty(t, r.Problems)
	require.Equal(t, []string{"default/a", "default/b", "default/c"}, names(r.Objects.Services))
}

func TestAFileIsReadWhateverItsName(t *testing.T) {
	dir := files(t, map[string]string{"manifest.txt": service("a"), ".hidden": service("b")})
	r := read(t, dir+"/manifest.txt", dir+"/.hidden")
	require.Equal(t, []string{"default/a", "default/b"}, names(r.Objects.Services))
}

func TestPathsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	_, err := Read([]string{dir, filepath.Join(dir, "missing")}, Options{})
	require.EqualError(t, err, "read manifests: stat "+dir+"/missing: no such file or directory")
	_, err = Read([]string{""}, Options{})
	require.Error(t, err)
	pipe := filepath.Join(dir, "pipe.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err = Read([]string{pipe}, Options{})
	require.EqualError(t, err, "read manifests: read "+pipe+": neither a file nor a directory")
}

func TestAnEmptyDirectoryIsTold(t *testing.T) {
	dir := files(t, map[string]string{"a/notes.txt": "x", "b/s.yaml": service("s")})
	r := read(t, dir+"/a", dir+"/b")
	require.Equal(t, []string{"warning a -: no manifest here (*.yaml, *.yml, *.json) (NothingToRead)"}, lines(r, dir))
	require.False(t, r.Incomplete)
	require.Empty(t, read(t, dir, dir+"/b").Problems, "what another path holds already is no empty directory")
}

func TestFilesThatCannotBeReadHurtNoOthers(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a"), "locked/b.yaml": service("b")})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "link.yaml")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o755))
	r := read(t, dir)
	require.Equal(t, []string{
		"error link.yaml -: a link to nothing (UnreadableFile)",
		"error pipe.yaml -: not a regular file (UnreadableFile)",
	}, lines(r, dir))
	require.Equal(t, []string{"default/a", "default/b"}, names(r.Objects.Services))
	require.True(t, r.Incomplete)
}

func TestTheFirstOfTwoObjectsStays(t *testing.T) {
	old := "apiVersion: metallb.io/v1beta1\nkind: BGPPeer\nmetadata: {name: p}\nspec: {myASN: 1, peerASN: 1, peerAddress: a}\n"
	dir := files(t, map[string]string{"b.yaml": peer("myASN: 2"), "a.yaml": "# first\n---\n" + old + "---\n" + peer("myASN: 3")})
	for _, paths := range [][]string{{dir}, {dir + "/b.yaml", dir + "/a.yaml"}} {
		r := read(t, paths...)
		require.Equal(t, []string{
			"error BGPPeer.metallb.io metallb-system/p -: it stands in a.yaml:3 and again in a.yaml:8; the first is used, delete one (DuplicateObject)",
			"error BGPPeer.metallb.io metallb-system/p -: it stands in a.yaml:3 and again in b.yaml:1; the first is used, delete one (DuplicateObject)",
		}, lines(r, dir))
		require.Len(t, r.Objects.Peers, 1)
		require.Equal(t, uint32(1), r.Objects.Peers[0].Spec.MyASN)
	}
}

func TestLinksDoNotMakeDuplicates(t *testing.T) {
	dir := files(t, map[string]string{"real/a.yaml": service("a") + "---\n[\n"})
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "again")))
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "real", "loop")))
	require.NoError(t, os.Symlink("a.yaml", filepath.Join(dir, "real", "b.yaml")))
	r := read(t, dir, dir+"/real", dir+"/real/a.yaml")
	require.Equal(t, []string{"default/a"}, names(r.Objects.Services))
	require.Len(t, r.Problems, 1)
	require.Equal(t, problem.Malformed, r.Problems[0].Reason)
}

// A volume of the kubelet: the files are links over ..data to the directory of the current version.
func TestAKubeletVolumeIsReadOnce(t *testing.T) {
	dir := kubeletVolume(t)
	r := read(t, dir)
	require.Empty(t, r.Problems)
	require.Equal(t, []string{"default/a", "default/b"}, names(r.Objects.Services))
}

func kubeletVolume(t *testing.T) string {
	t.Helper()
	dir := files(t, map[string]string{"..v1/a.yaml": service("a"), "..v1/sub/b.yaml": service("b")})
	require.NoError(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/a.yaml", filepath.Join(dir, "a.yaml")))
	require.NoError(t, os.Symlink("..data/sub", filepath.Join(dir, "sub")))
	return dir
}

func TestUnreadObjectsAreNamed(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": peer("myASN: x"), "b.yaml": service("s")})
	r := read(t, dir)
	require.Equal(t, []problem.Object{{Kind: "BGPPeer", Group: "metallb.io", Namespace: "metallb-system", Name: "p"}}, r.Unread)
	require.False(t, r.Incomplete)
	require.True(t, read(t, files(t, map[string]string{"a.yaml": "["})).Incomplete)
}

func TestTheNamespaceOfOurKindsIsAnOption(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": peer("myASN: 1") + "---\n" + service("s")})
	r, err := Read([]string{dir}, Options{Namespace: "routing"})
	require.NoError(t, err)
	require.Equal(t, []string{"routing/p"}, names(r.Objects.Peers))
	require.Equal(t, []string{"default/s"}, names(r.Objects.Services))
}
