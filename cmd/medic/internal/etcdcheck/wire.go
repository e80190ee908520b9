package etcdcheck

import (
	"encoding/binary"
	"errors"
)

// The few protocol buffer messages of etcd's KV service that the check needs, by the field numbers of
// etcdserverpb/rpc.proto and mvccpb/kv.proto.
const (
	keyField        = 1 // PutRequest.key, RangeRequest.key, DeleteRangeRequest.key
	putValueField   = 2 // PutRequest.value
	rangeKVsField   = 2 // RangeResponse.kvs
	kvValueField    = 5 // KeyValue.value
	deletedField    = 2 // DeleteRangeResponse.deleted
	wireVarint      = 0
	wireFixed64     = 1
	wireBytes       = 2
	wireFixed32     = 5
	frameHead       = 5       // gRPC: one byte of flags, four of length
	maxMessageBytes = 1 << 20 // of an answer
)

var errWire = errors.New("the answer is not an etcd message")

func appendBytes(b []byte, field uint64, v []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// frame puts a message into a gRPC frame, uncompressed.
func frame(msg []byte) []byte {
	head := make([]byte, frameHead, frameHead+len(msg))
	binary.BigEndian.PutUint32(head[1:], uint32(len(msg)))
	return append(head, msg...)
}

// unframe takes the one message out of a gRPC answer.
func unframe(b []byte) ([]byte, error) {
	if len(b) < frameHead || b[0] != 0 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(len(b)-frameHead) {
		return nil, errWire
	}
	return b[frameHead:], nil
}

// field is one field of a message: number is its varint, bytes its content, whichever it has.
type field struct {
	id     uint64
	number uint64
	bytes  []byte
}

// fields splits a message.
func fields(b []byte) ([]field, error) {
	var out []field
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errWire
		}
		b = b[n:]
		f := field{id: tag >> 3}
		size := uint64(0)
		switch tag & 7 {
		case wireVarint, wireBytes:
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, errWire
			}
			b = b[n:]
			if f.number = v; tag&7 == wireBytes {
				size = v
			}
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		default:
			return nil, errWire
		}
		if size > uint64(len(b)) {
			return nil, errWire
		}
		f.bytes, b = b[:size], b[size:]
		out = append(out, f)
	}
	return out, nil
}

// rangeValue takes the value of the only key out of a RangeResponse.
func rangeValue(msg []byte) ([]byte, error) {
	fs, err := fields(msg)
	if err != nil {
		return nil, err
	}
	for _, f := range fs {
		if f.id != rangeKVsField {
			continue
		}
		kv, err := fields(f.bytes)
		if err != nil {
			return nil, err
		}
		for _, g := range kv {
			if g.id == kvValueField {
				return g.bytes, nil
			}
		}
	}
	return nil, nil
}

// deleted takes the number of deleted keys out of a DeleteRangeResponse.
func deleted(msg []byte) (uint64, error) {
	fs, err := fields(msg)
	if err != nil {
		return 0, err
	}
	for _, f := range fs {
		if f.id == deletedField {
			return f.number, nil
		}
	}
	return 0, nil
}
