package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// readKubeconfig says how the file has the API server reached. Each error names the file, the field and the mend.
func readKubeconfig(path string) (*rest.Config, error) {
	file, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return nil, unreadableKubeconfig(path, err)
	}
	if err := clientcmd.ResolveLocalPaths(file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := checkKubeconfig(file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	config, err := clientcmd.NewDefaultClientConfig(*file, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func unreadableKubeconfig(path string, err error) error {
	var bad *fs.PathError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w; name a kubeconfig that this program may read", path, bad.Err)
	}
	// client-go begins with words about itself.
	said := strings.TrimPrefix(err.Error(), fmt.Sprintf("error loading config file %q: ", path))
	return fmt.Errorf("%s is no kubeconfig: %s; write it anew, as \"kubectl config view --raw\" prints one", path, said)
}

// checkKubeconfig finds what is missing, or can't be meant, in the words of the file.
func checkKubeconfig(c *clientcmdapi.Config) error {
	if c.CurrentContext == "" {
		return fmt.Errorf("current-context is empty; name one of contexts there (%s)", names(c.Contexts))
	}
	context := c.Contexts[c.CurrentContext]
	if context == nil {
		return fmt.Errorf("current-context: %q is not among contexts (%s); name one of them, or add it", c.CurrentContext, names(c.Contexts))
	}
	field := fmt.Sprintf("contexts[%s].context.", c.CurrentContext)
	cluster, user := c.Clusters[context.Cluster], c.AuthInfos[context.AuthInfo]
	if cluster == nil {
		return fmt.Errorf("%scluster: %q is not among clusters (%s); name one of them, or add it", field, context.Cluster, names(c.Clusters))
	}
	if user == nil && context.AuthInfo != "" {
		return fmt.Errorf("%suser: %q is not among users (%s); name one of them, or add it", field, context.AuthInfo, names(c.AuthInfos))
	}
	if err := checkServer(fmt.Sprintf("clusters[%s].cluster.", context.Cluster), cluster); err != nil || user == nil {
		return err
	}
	return checkUser(fmt.Sprintf("users[%s].user.", context.AuthInfo), user)
}

func names[V any](m map[string]V) string {
	return cmp.Or(strings.Join(slices.Sorted(maps.Keys(m)), ", "), "there is none")
}

func checkServer(field string, c *clientcmdapi.Cluster) error {
	address, err := url.Parse(c.Server)
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		return fmt.Errorf("%sserver: %q is no address of an API server; write such as https://192.0.2.1:6443", field, c.Server)
	}
	if c.InsecureSkipTLSVerify && (c.CertificateAuthority != "" || len(c.CertificateAuthorityData) > 0) {
		return fmt.Errorf("%sinsecure-skip-tls-verify excludes certificate-authority; leave one of them out", field)
	}
	authority, from, err := content(field+"certificate-authority", c.CertificateAuthority, c.CertificateAuthorityData)
	if err != nil || authority == nil {
		return err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s holds no certificate in PEM; put that of the cluster's authority there", from)
	}
	return nil
}

func checkUser(field string, u *clientcmdapi.AuthInfo) error {
	certificate, from, err := content(field+"client-certificate", u.ClientCertificate, u.ClientCertificateData)
	if err != nil {
		return err
	}
	key, keyFrom, err := content(field+"client-key", u.ClientKey, u.ClientKeyData)
	switch {
	case err != nil:
		return err
	case (certificate == nil) != (key == nil):
		return fmt.Errorf("%sclient-certificate and client-key belong together; give both or none", field)
	case certificate != nil:
		if _, err := tls.X509KeyPair(certificate, key); err != nil {
			return fmt.Errorf("%s and %s are no pair in PEM: %w; put a certificate and its own key there", from, keyFrom, err)
		}
	}
	if token, from, err := content(field+"tokenFile", u.TokenFile, nil); err != nil {
		return err
	} else if u.TokenFile != "" && strings.TrimSpace(string(token)) == "" {
		return fmt.Errorf("%s is empty; put a token there", from)
	}
	if u.Exec != nil {
		if _, err := exec.LookPath(u.Exec.Command); err != nil {
			return fmt.Errorf("%sexec.command: %w; install it, or use a token or a certificate", field, err)
		}
	}
	return nil
}

// content is what a field holds, or the file that it names, and where that is; nil without either. What is in the file counts less, as in client-go.
func content(field, file string, data []byte) (text []byte, from string, err error) {
	switch {
	case len(data) > 0:
		return data, field + "-data", nil
	case file == "":
		return nil, "", nil
	}
	from = field + " " + file
	if text, err = os.ReadFile(file); err != nil {
		return nil, from, fmt.Errorf("%s: %w; name a file that this program may read", field, err)
	}
	return append([]byte{}, text...), from, nil
}
