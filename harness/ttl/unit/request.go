package unit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nov30/nov30/harness/journal"
)

// Request is what ttl-append reads from its standard input: an inverse, and the header of the arm's journal, with which the
// node's journal is begun. It comes that way because arguments can be seen in ps.
type Request struct {
	Meta    journal.Meta    `json:"meta"`
	Inverse journal.Inverse `json:"inverse"`
}

// Receipt is what ttl-append prints once the inverse is on disk: the hex SHA-256 of the whole request.
type Receipt struct {
	SHA256 string `json:"sha256"`
}

// NewReceipt is the receipt for a request's bytes.
func NewReceipt(request []byte) Receipt {
	sum := sha256.Sum256(request)
	return Receipt{SHA256: hex.EncodeToString(sum[:])}
}

// requestLimit is far more than any file that a fault changes; etcd's certificates have 1 kB.
const requestLimit = 32 << 20

// ReadRequest reads one request. Anything but exactly one whole request is refused: half an inverse would restore half a
// file. The errors hold nothing of the preimage.
func ReadRequest(r io.Reader) (Request, Receipt, error) {
	data, err := io.ReadAll(io.LimitReader(r, requestLimit+1))
	if err != nil {
		return Request{}, Receipt{}, fmt.Errorf("read the inverse: %w", err)
	}
	if len(data) > requestLimit {
		return Request{}, Receipt{}, fmt.Errorf("read the inverse: more than %d bytes", requestLimit)
	}
	var q Request
	if err := strictJSON(data, &q); err != nil {
		return Request{}, Receipt{}, fmt.Errorf("read the inverse: %w", err)
	}
	return q, NewReceipt(data), nil
}

// strictJSON decodes exactly one value without unknown fields: a field that this program does not know could be what
// makes the inverse right.
func strictJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}
