package main

import "testing"

func TestTheLedgerLiesBesideThePictures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ledger, media, want string }{
		{"", "", "/data/erasures"}, {"/elsewhere", "", "/elsewhere"}, {"/elsewhere", "s3://bucket", "/elsewhere"}, {"", "s3://bucket", ""}, {"s3://other", "", ""},
	} {
		d := databaseFlags{DataDir: "/data"}
		d.MediaStore = c.media
		if got := (&erasureFlags{Ledger: c.ledger}).ledgerDir(&d); got != c.want {
			t.Errorf("ledger %q beside %q is in %q, not %q", c.ledger, c.media, got, c.want)
		}
	}
}
