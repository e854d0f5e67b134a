package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Skew is by how much the server's clock is ahead of this machine's, to a second, which is how it tells its time. S3 refuses signatures that are 15 minutes off.
// Errors: ErrUnavailable.
func (c Config) Skew(ctx context.Context) (time.Duration, error) {
	ctx, cancel := c.Limit(ctx, 0)
	defer cancel()
	scheme := "https"
	if c.Plain {
		scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, scheme+"://"+c.Endpoint+"/", nil)
	if err != nil {
		return 0, unavailable(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	before := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		return 0, unavailable(err)
	}
	answer.Body.Close()
	there, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return 0, unavailable(fmt.Errorf("the server does not tell its time: %w", err))
	}
	return there.Add(time.Second / 2).Sub(before.Add(time.Since(before) / 2)), nil
}
