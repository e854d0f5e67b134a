// The boundary between Go and the zxing-cpp library: plain C types, no exceptions.
#ifndef EKYC_BARCODE_ZXING_H
#define EKYC_BARCODE_ZXING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	int format;             // 1 PDF417, 2 QR, 3 Aztec
	unsigned char *bytes;   // as encoded, before any character set
	size_t length;
	char *text;             // UTF-8
	size_t text_length;
	int corners[8];         // x, y of top left, top right, bottom right, bottom left as the symbol is read
} ekyc_symbol;

// Reads up to capacity symbols from an 8-bit grey image. rotate: also try quarter turns. global: one threshold for the whole image
// and not one for each neighbourhood. Returns their number, -1 when memory ran out or the library failed. The caller frees with
// ekyc_symbols_free.
int ekyc_symbols_read(const uint8_t *gray, int width, int height, int stride, int rotate, int global, ekyc_symbol *out, int capacity);

void ekyc_symbols_free(ekyc_symbol *symbols, int count);

#ifdef __cplusplus
}
#endif

#endif
