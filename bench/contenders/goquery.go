// Go's net/http and goquery, what Colly stands on: goquery URLS OUTPUT.jsonl IN_FLIGHT
//
// A goroutine for each request in flight, kept connections, the same four fields as the others,
// JSON lines through one buffered writer. No robots.txt, no retries, no pace, no resume.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
)

var fields = []struct {
	name, attribute string
	selector        cascadia.Selector
}{
	{"title", "", cascadia.MustCompile("title")},
	{"heading", "", cascadia.MustCompile("h1")},
	{"canonical", "href", cascadia.MustCompile("link[rel=canonical]")},
	{"price", "", cascadia.MustCompile("[class*=price]")},
}

// The first match and no more, as the newer goquery.Single does.
func first(document *goquery.Document, selector cascadia.Selector) *goquery.Selection {
	if node := selector.MatchFirst(document.Nodes[0]); node != nil {
		return document.FindNodes(node)
	}
	return document.FindNodes()
}

func read(document *goquery.Document, url string) map[string]any {
	record := map[string]any{"url": url}
	for _, field := range fields {
		record[field.name] = nil
		found := first(document, field.selector)
		text := found.Text()
		if field.attribute != "" {
			text, _ = found.Attr(field.attribute)
		}
		if text = strings.Join(strings.Fields(text), " "); text != "" {
			record[field.name] = text
		}
	}
	return record
}

func fetch(client *http.Client, url string) (map[string]any, error) {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "Canter-bench")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	document, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		return nil, err
	}
	return read(document, url), nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	output, err := os.Create(os.Args[2])
	if err != nil {
		fail(err)
	}
	inFlight, err := strconv.Atoi(os.Args[3])
	if err != nil {
		fail(err)
	}
	client := &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: inFlight, MaxIdleConns: inFlight},
	}
	urls := make(chan string)
	records := make(chan map[string]any, inFlight)
	var fetchers sync.WaitGroup
	for n := 0; n < inFlight; n++ {
		fetchers.Add(1)
		go func() {
			defer fetchers.Done()
			for url := range urls {
				record, err := fetch(client, url)
				if err != nil {
					fail(err)
				}
				records <- record
			}
		}()
	}
	go func() {
		for _, url := range strings.Fields(string(content)) {
			urls <- url
		}
		close(urls)
		fetchers.Wait()
		close(records)
	}()
	buffer := bufio.NewWriterSize(output, 1<<20)
	encoder := json.NewEncoder(buffer)
	for record := range records {
		if err := encoder.Encode(record); err != nil {
			fail(err)
		}
	}
	if err := buffer.Flush(); err != nil {
		fail(err)
	}
}
