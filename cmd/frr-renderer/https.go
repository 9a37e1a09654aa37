package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	controllerlog "sigs.k8s.io/controller-runtime/pkg/log"
)

// guardFlags say who may read metrics, and over what. Those that MetalLB has bear its names.
type guardFlags struct {
	secure   bool
	insecure bool
	certDir  string
	minimum  string
	ciphers  string
	curves   string
}

func (f *guardFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.secure, "metrics-secure", false,
		"serve metrics over HTTPS, to whom the API server allows it, on loopback too")
	c.Flags().BoolVar(&f.insecure, "metrics-insecure", false, "serve metrics over plain HTTP to everybody, whatever the address")
	c.Flags().StringVar(&f.certDir, "metrics-cert-dir", "",
		"directory of tls.crt and tls.key for metrics, read again when they change; empty: a certificate of its own, signed by nobody")
	c.Flags().StringVar(&f.minimum, "tls-min-version", "", "lowest TLS version of metrics: VersionTLS12 or VersionTLS13; empty: VersionTLS13")
	c.Flags().StringVar(&f.ciphers, "tls-cipher-suites", "", "cipher suites of metrics for TLS 1.2, by name, with commas between; empty: Go's")
	c.Flags().StringVar(&f.curves, "tls-curve-preferences", "",
		"key exchanges of metrics by their numbers in IANA's list of TLS supported groups (29 is X25519), with commas between; empty: Go's")
}

// check finds what can't be meant, before anything is started.
func (f *guardFlags) check(metrics, health string) error {
	switch {
	case f.insecure && (f.secure || f.certDir != ""):
		return errors.New("--metrics-insecure excludes --metrics-secure and --metrics-cert-dir: leave one side out")
	case metrics != "" && metrics == health && f.guards(metrics):
		return fmt.Errorf("--metrics-addr %s is that of --health-addr, which is plain HTTP: give metrics another address, or add --metrics-insecure", metrics)
	}
	_, err := f.tls()
	return err
}

// guards tells whether metrics are for those alone whom the API server allows to read them: everywhere but on loopback, unless it is told
// otherwise.
func (f *guardFlags) guards(addr string) bool {
	return !f.insecure && (f.secure || f.certDir != "" || !loopback(addr))
}

// loopback tells whether only this machine reaches an address, HOST:PORT.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// tls is what the flags ask for, without a certificate.
func (f *guardFlags) tls() (*tls.Config, error) {
	// HTTP/1.1 alone: a scrape needs no more, and HTTP/2 lets strangers make a server work for little.
	config := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
	switch f.minimum {
	case "", "VersionTLS13":
	case "VersionTLS12":
		config.MinVersion = tls.VersionTLS12
	default:
		return nil, fmt.Errorf("--tls-min-version %q is unknown; write VersionTLS12 or VersionTLS13", f.minimum)
	}
	for _, name := range list(f.ciphers) {
		i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("--tls-cipher-suites: %q is unknown or no longer safe; write such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", name)
		}
		config.CipherSuites = append(config.CipherSuites, tls.CipherSuites()[i].ID)
	}
	for _, number := range list(f.curves) {
		id, err := strconv.ParseUint(number, 10, 16)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("--tls-curve-preferences: %q is not the number of a key exchange; write such as 29 for X25519", number)
		}
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(id))
	}
	return config, nil
}

// list splits at commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	words := strings.Split(text, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

// guard lets those in alone whom the API server allows it, over TLS. ctx ends the watch of the certificate.
func (f *guardFlags) guard(ctx context.Context, handler http.Handler, api *rest.Config, log *slog.Logger) (http.Handler, *tls.Config, error) {
	allowed, err := newReaders(handler, api, log)
	if err != nil {
		return nil, nil, err
	}
	config, err := f.tls()
	if err == nil {
		err = f.certify(ctx, config, log)
	}
	return allowed, config, err
}

// readable finds a certificate that can't be used, before anything is asked of anybody.
func (f *guardFlags) readable() error {
	if f.certDir == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(f.certDir, certificateFile), filepath.Join(f.certDir, keyFile)); err != nil {
		return fmt.Errorf("read the certificate of --metrics-cert-dir: %w; put tls.crt and tls.key there, or leave it out for a certificate of the program's own", err)
	}
	return nil
}

// The files of a Secret of type kubernetes.io/tls.
const (
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
)

// certify gives the configuration a certificate.
func (f *guardFlags) certify(ctx context.Context, config *tls.Config, log *slog.Logger) error {
	if f.certDir == "" {
		certificate, err := selfSigned()
		config.Certificates = []tls.Certificate{certificate}
		return err
	}
	controllerlog.SetLogger(logr.FromSlogHandler(log.Handler()))
	watcher, err := certwatcher.New(filepath.Join(f.certDir, certificateFile), filepath.Join(f.certDir, keyFile))
	if err != nil {
		return fmt.Errorf("read the certificate of --metrics-cert-dir: %w", err)
	}
	config.GetCertificate = watcher.GetCertificate
	go func() {
		// It reads the files every ten seconds also where the kernel tells of no change, and keeps the certificate that it has when they are broken.
		if err := watcher.Start(ctx); err != nil {
			log.Error("the certificate of metrics is not watched; it stays as it is", "error", err)
		}
	}()
	return nil
}

// selfSigned makes a certificate for whoever asks this machine and does not check.
func selfSigned() (tls.Certificate, error) {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	certificate, key, err := certutil.GenerateSelfSignedCertKey(name, nil, nil)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate for metrics: %w", err)
	}
	return tls.X509KeyPair(certificate, key)
}
