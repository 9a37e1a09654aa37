package chart

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// pod is a pod of the DaemonSet on a node of a fabric, run as kubelet would: volumes from the API server, containers by their command lines.
type pod struct {
	*corev1.Pod
	t       *testing.T
	cluster *cluster
	node    *fabric.Node
	image   []bind            // what FRR's image has over this machine's files
	dir     string            // what kubelet has of the pod
	volumes map[string]string // by name, where
	gate    *apiserver.Gate
	running map[string]*running
}

// running is a container that runs.
type running struct {
	*fabric.Program
	log string
}

// newPod makes the pod that the DaemonSet asks for, at the API server, and its volumes.
func newPod(t *testing.T, c *cluster, node *fabric.Node, v fabric.Version) *pod {
	t.Helper()
	set, err := c.speaker()
	require.NoError(t, err)
	made := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: *set.Spec.Template.Spec.DeepCopy()}
	made.Name, made.Spec.NodeName = "speaker-"+node.Name, node.Name
	made, err = c.Client.CoreV1().Pods(namespace).Create(t.Context(), made, metav1.CreateOptions{})
	require.NoError(t, err)
	root, err := fabric.FindRoot(v)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "pod-") // others than root go through it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	listener, err := node.Listen(t.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &pod{
		Pod: made, t: t, cluster: c, node: node, image: imageOf(t, root), dir: dir, volumes: map[string]string{}, running: map[string]*running{},
		gate: apiserver.NewGate(t, listener, c.Address),
	}
	for _, v := range made.Spec.Volumes {
		p.volumes[v.Name] = p.volume(v)
	}
	t.Cleanup(p.show)
	return p
}

// imageOf is FRR's image: this machine, with another FRR and its libraries in the places of its own.
func imageOf(t *testing.T, root string) []bind {
	t.Helper()
	if root == "/" {
		return nil
	}
	var binds []bind
	for _, pattern := range []string{"usr/lib/*-linux-gnu", "usr/lib/frr/*", "usr/bin/vtysh"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, from := range found {
			binds = append(binds, bind{From: from, To: strings.TrimPrefix(from, root), ReadOnly: true})
		}
	}
	return binds
}

// volume makes a volume as kubelet does, and returns where.
func (p *pod) volume(v corev1.Volume) string {
	p.t.Helper()
	dir := filepath.Join(p.dir, "volumes", v.Name)
	require.NoError(p.t, os.MkdirAll(dir, 0o755))
	switch {
	case v.EmptyDir != nil:
		require.NoError(p.t, os.Chmod(dir, 0o777))
	case v.ConfigMap != nil:
		m, err := p.cluster.Client.CoreV1().ConfigMaps(namespace).Get(p.t.Context(), v.ConfigMap.Name, metav1.GetOptions{})
		require.NoError(p.t, err)
		files := filepath.Join(dir, "..files")
		require.NoError(p.t, os.Mkdir(files, 0o755))
		require.NoError(p.t, os.Symlink("..files", filepath.Join(dir, "..data")))
		for name, text := range m.Data {
			require.NoError(p.t, os.WriteFile(filepath.Join(files, name), []byte(text), 0o644))
			require.NoError(p.t, os.Symlink("..data/"+name, filepath.Join(dir, name)))
		}
	case v.Projected != nil:
		mode := os.FileMode(*v.Projected.DefaultMode)
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				require.NoError(p.t, os.WriteFile(filepath.Join(dir, s.ServiceAccountToken.Path), []byte(p.token()), mode))
			}
			if s.ConfigMap != nil {
				require.Equal(p.t, "kube-root-ca.crt", s.ConfigMap.Name, "which the API server's controllers put into each namespace")
				require.NoError(p.t, os.WriteFile(filepath.Join(dir, s.ConfigMap.Items[0].Path), p.cluster.Config.CAData, mode))
			}
		}
	default:
		p.t.Fatalf("volume %s is of a kind that this test does not know", v.Name)
	}
	return dir
}

// token is the one of the pod's ServiceAccount, for this pod.
func (p *pod) token() string {
	p.t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: p.Name, UID: p.UID},
	}}
	made, err := p.cluster.Client.CoreV1().ServiceAccounts(namespace).CreateToken(p.t.Context(), p.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	require.NoError(p.t, err)
	return made.Status.Token
}

// environment is that of a container: its own, and how a pod finds the API server.
func (p *pod) environment(c corev1.Container) map[string]string {
	host, port, err := net.SplitHostPort(p.gate.Address())
	require.NoError(p.t, err)
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port,
	}
	fields := map[string]string{"spec.nodeName": p.Spec.NodeName, "metadata.name": p.Name, "metadata.namespace": p.Namespace}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.ValueFrom != nil {
			value, known := fields[e.ValueFrom.FieldRef.FieldPath]
			require.True(p.t, known, "%s comes of %s, which this test does not know", e.Name, e.ValueFrom.FieldRef.FieldPath)
			env[e.Name] = value
		}
	}
	return env
}

// described is a container of the pod as a runtime is told of it.
func (p *pod) described(c corev1.Container) container {
	p.t.Helper()
	s := c.SecurityContext
	require.Equal(p.t, []corev1.Capability{"ALL"}, s.Capabilities.Drop, c.Name)
	work, err := os.MkdirTemp(p.dir, "work-")
	require.NoError(p.t, err)
	d := container{Image: "/", Binds: slices.Clone(p.image), Work: work, ReadOnly: *s.ReadOnlyRootFilesystem, Files: imageFiles}
	for _, g := range p.Spec.SecurityContext.SupplementalGroups {
		d.Groups = append(d.Groups, int(g))
	}
	if s.RunAsUser != nil {
		d.UID, d.GID = int(*s.RunAsUser), int(*s.RunAsGroup)
	}
	for _, added := range s.Capabilities.Add {
		number, known := capabilities[added]
		require.True(p.t, known, "capability %s", added)
		d.Keep = append(d.Keep, number)
	}
	d.NoEscalation = s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation
	for _, m := range c.VolumeMounts {
		require.Empty(p.t, m.SubPath, "what is renamed in a volume must be seen by all")
		d.Binds = append(d.Binds, bind{p.volumes[m.Name], m.MountPath, m.ReadOnly})
	}
	env := p.environment(c)
	var expand []string
	for name, value := range env {
		d.Env = append(d.Env, name+"="+value)
		expand = append(expand, "$("+name+")", value)
	}
	for _, word := range slices.Concat(c.Command, c.Args) {
		d.Command = append(d.Command, strings.NewReplacer(expand...).Replace(word))
	}
	return d
}

// capabilities are those that the chart may ask for, by their numbers in the kernel.
var capabilities = map[corev1.Capability]int{
	"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "FOWNER": unix.CAP_FOWNER, "KILL": unix.CAP_KILL, "SETGID": unix.CAP_SETGID,
	"SETUID": unix.CAP_SETUID, "NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE, "NET_ADMIN": unix.CAP_NET_ADMIN, "NET_RAW": unix.CAP_NET_RAW,
	"SYS_ADMIN": unix.CAP_SYS_ADMIN,
}

// imageFiles are programs that FRR's own images have beside FRR, and packages have not: the first process, which passes signals on, collects
// what others leave, and ends with its child; and what starts the daemons of /etc/frr/daemons under watchfrr.
var imageFiles = map[string]string{
	"/sbin/tini": `#!/bin/bash
[ "$1" = -- ] && shift
"$@" &
child=$!
trap 'kill -TERM $child' TERM INT
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
exit ${code:-0}
`,
	"/usr/lib/frr/docker-start": `#!/bin/bash
for say in log_success_msg log_warning_msg log_failure_msg; do eval "$say() { echo \"\$@\"; }"; done
. /usr/lib/frr/frrcommon.sh
/usr/lib/frr/watchfrr $(daemon_list)
`,
}

// command is a container's, in namespaces of its own but for the network, which is the node's.
func (p *pod) command(name string, d container) *exec.Cmd {
	p.t.Helper()
	self, err := os.Executable()
	require.NoError(p.t, err)
	text, err := json.Marshal(d)
	require.NoError(p.t, err)
	cmd := p.node.Command(context.WithoutCancel(p.t.Context()), "unshare", "--mount", "--pid", "--fork", "--kill-child", "--", self)
	cmd.Env = append(os.Environ(), containerVariable+"="+string(text))
	return cmd
}

// prepare runs the init containers, one after the other.
func (p *pod) prepare() {
	p.t.Helper()
	for _, c := range p.Spec.InitContainers {
		d := p.described(c)
		// The image is this one program.
		d.Files, d.Binds = nil, d.Binds[len(p.image):]
		d.Image = filepath.Join(p.dir, "our-image")
		require.NoError(p.t, os.MkdirAll(filepath.Join(d.Image, "proc"), 0o755))
		path, err := program()
		require.NoError(p.t, err)
		text, err := os.ReadFile(path)
		require.NoError(p.t, err)
		require.NoError(p.t, os.WriteFile(filepath.Join(d.Image, "frr-renderer"), text, 0o755))
		said, err := fabric.CombinedOutput(p.command(c.Name, d))
		require.NoError(p.t, err, "%s: %s", c.Name, said)
	}
}

// start starts a container.
func (p *pod) start(name string) {
	p.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(p.t, err)
	defer log.Close()
	cmd := p.command(name, p.described(p.container(name)))
	cmd.Stdout, cmd.Stderr = log, log
	program, err := fabric.Start(cmd)
	require.NoError(p.t, err)
	p.running[name] = &running{program, log.Name()}
}

func (p *pod) container(name string) corev1.Container {
	p.t.Helper()
	i := slices.IndexFunc(p.Spec.Containers, func(c corev1.Container) bool { return c.Name == name })
	require.GreaterOrEqual(p.t, i, 0, "the pod has no container %s", name)
	return p.Spec.Containers[i]
}

// first is the number that this machine gives to a container's first process; 0: it is not there yet.
func (p *pod) first(name string) int {
	parent := p.running[name].PID()
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, t := range threads {
		text, _ := os.ReadFile(t)
		if children := strings.Fields(string(text)); len(children) > 0 {
			pid, _ := strconv.Atoi(children[0])
			return pid
		}
	}
	return 0
}

// terminate tells a container to end, as kubelet does, and waits until it has, within the pod's grace period.
func (p *pod) terminate(name string) {
	p.t.Helper()
	require.NoError(p.t, unix.Kill(p.first(name), unix.SIGTERM))
	select {
	case <-p.running[name].Ended:
	case <-time.After(waiting):
		p.t.Fatalf("container %s does not end:\n%s", name, p.log(name))
	}
	delete(p.running, name)
}

// probe does what a probe says; nil: it is passed.
func (p *pod) probe(name string, probe *corev1.Probe) error {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	if probe.Exec != nil {
		pid := p.first(name)
		args := append([]string{"-t", strconv.Itoa(pid), "-m", "-p", "-n", "-r", "-w", "--"}, probe.Exec.Command...)
		out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	get := probe.HTTPGet
	_, err := p.node.HTTP(ctx, fmt.Sprintf("http://%s:%s%s", get.Host, get.Port.String(), get.Path))
	return err
}

// client reaches what listens on the node. The certificate of /metrics is its own.
func (p *pod) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return p.node.Dial(ctx, "", net.Dialer{}, network, address)
		},
	}}
}

// scrape asks for /metrics as the chart's monitors do, at the node's address, and returns what it was answered.
func (p *pod) scrape(token string) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), waiting)
	defer cancel()
	port := p.container("frr-renderer").Ports[0]
	require.Equal(p.t, "metricshttps", port.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://10.0.0.11:%d/metrics", port.ContainerPort), nil)
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := p.client().Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// passes waits until a probe is passed.
func (p *pod) passes(name string, probe *corev1.Probe) {
	p.t.Helper()
	require.NotNil(p.t, probe, name)
	var err error
	for end := time.Now().Add(waiting); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = p.probe(name, probe); err == nil {
			return
		}
	}
	require.NoError(p.t, err, "%s:\n%s", name, p.log(name))
}

func (p *pod) log(name string) string {
	text, _ := os.ReadFile(filepath.Join(p.dir, name+".log"))
	return string(text)
}

// show tells what the containers of a failed test have said.
func (p *pod) show() {
	for name, r := range p.running {
		_ = r.End(unix.SIGKILL)
		delete(p.running, name)
	}
	if p.t.Failed() {
		p.t.Logf("frr:\n%s\nfrr-renderer:\n%s", p.log("frr"), p.log("frr-renderer"))
	}
}

// ids are the numbers of FRR's user and groups on this machine, as the chart's values take them.
func ids(t *testing.T) string {
	t.Helper()
	u, err := user.Lookup("frr")
	require.NoError(t, err)
	g, err := user.LookupGroup("frrvty")
	require.NoError(t, err)
	return fmt.Sprintf("speaker.frr.user=%s,speaker.frr.group=%s,speaker.frr.vtyGroup=%s", u.Uid, u.Gid, g.Gid)
}
