package fabric

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// httpTimeout is long: a page may have to wait for two daemons that hang.
const httpTimeout = 30 * time.Second

// HTTP gets a page from inside the node. Any status but 200 is an error, which carries the page.
func (n *Node) HTTP(ctx context.Context, url string) (string, error) {
	client := http.Client{Timeout: httpTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return n.Dial(ctx, "", net.Dialer{}, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get %s: %s: %s", url, response.Status, page)
	}
	return string(page), nil
}
