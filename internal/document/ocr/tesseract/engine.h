// The boundary between Go and the Tesseract library: plain C types, no exceptions.
#ifndef EKYC_TESSERACT_ENGINE_H
#define EKYC_TESSERACT_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One engine: a recogniser of one script. It must not be used by two threads at a time.
typedef struct ekyc_engine ekyc_engine;

// What an engine saw as one sign: in scripts that compose, a base letter together with its marks.
typedef struct {
	char text[32];     // UTF-8, ends with a zero byte
	float confidence;  // 0 to 100
	int left, right;   // pixels of the image
	int starts_word;   // 1 when it is the first of a word
} ekyc_glyph;

enum { EKYC_ENGINE_FAILED = -1, EKYC_ENGINE_NO_DATA = -2 };

// Makes an engine of the data file of a script, "Cyrillic" for Cyrillic.traineddata. directory NULL: the one that TESSDATA_PREFIX
// names, else the one compiled into the library. status is 0, EKYC_ENGINE_NO_DATA when the library cannot read the file, or
// EKYC_ENGINE_FAILED, and the engine NULL unless status is 0. Freed with ekyc_engine_close.
ekyc_engine *ekyc_engine_open(const char *directory, const char *script, int *status);

void ekyc_engine_close(ekyc_engine *engine);

// Reads an 8-bit grey image, rows without padding, as one line of text. Gives the number of glyphs in reading order, at most
// capacity, or EKYC_ENGINE_FAILED, after which the engine is only good for closing.
int ekyc_engine_line(ekyc_engine *engine, const uint8_t *gray, int width, int height, ekyc_glyph *out, int capacity);

#ifdef __cplusplus
}
#endif

#endif
