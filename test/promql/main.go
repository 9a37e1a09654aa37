// Command promql reads expressions, one a line, with Prometheus' own parser, and prints the metrics that each one names, separated by spaces, one
// line for each expression. The first that Prometheus would refuse ends it, with the reason.
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		names, err := metrics(lines.Text())
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", lines.Text(), err)
			os.Exit(1)
		}
		fmt.Println(strings.Join(names, " "))
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// metrics are the names of the series that an expression selects.
func metrics(text string) ([]string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return nil, err
	}
	var names []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, is := node.(*parser.VectorSelector); is {
			names = append(names, s.Name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}
