/* SPDX-License-Identifier: BSD-2-Clause */
/* letter_pdf: a page by libharu, in one of the fonts that every PDF reader has. */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "workflow/letter.h"

#ifdef HAVE_HPDF
#include <hpdf.h>

#define FONT_POINTS 11
#define LINE_POINTS 15
#define MARGIN_POINTS 72 /* an inch */
#define LINE_MAX_BYTES 600

static void
doc_freep(HPDF_Doc *doc)
{
	if (*doc != NULL)
		HPDF_Free(*doc);
}

/* The fonts know WinAnsiEncoding only (ISO 32000-1, 9.6.2.2 and annex D). */
static int
to_winansi(const char *line, size_t len, char ret[static LINE_MAX_BYTES], struct err *err)
{
	iconv_t cd = iconv_open("CP1252", "UTF-8");
	char *in = (char *)(uintptr_t)line, *out = ret;
	size_t room = LINE_MAX_BYTES - 1, r;

	if (cd == (iconv_t)-1)
		return err_set(err, ERR_INTERNAL, "no conversion to CP1252");
	r = iconv(cd, &in, &len, &out, &room);
	(void)iconv_close(cd);
	if (r == (size_t)-1)
		return err_set(err, ERR_USAGE,
		    "the name has a character that a PDF's own fonts have not; a letter that does not end "
		    "in .pdf is plain text, which has all");
	*out = '\0';
	return 0;
}

static int
put_lines(HPDF_Page page, const char *text, struct err *err)
{
	float y = HPDF_Page_GetHeight(page) - MARGIN_POINTS;
	char line[LINE_MAX_BYTES];
	size_t n;
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if ((rc = to_winansi(text, n, line, err)) == 0) {
			(void)HPDF_Page_BeginText(page);
			(void)HPDF_Page_TextOut(page, MARGIN_POINTS, y, line);
			(void)HPDF_Page_EndText(page);
		}
		y -= LINE_POINTS;
	}
	secret_wipe_bytes(line, sizeof(line));
	return rc;
}

static int
save(HPDF_Doc doc, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob out = {0};
	HPDF_UINT32 len;

	if (HPDF_SaveToStream(doc) != HPDF_OK || (len = HPDF_GetStreamSize(doc)) == 0 ||
	    HPDF_ResetStream(doc) != HPDF_OK)
		return err_set(err, ERR_INTERNAL, "cannot make the PDF");
	if ((out.data = malloc(len)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	out.len = len;
	if (HPDF_ReadFromStream(doc, out.data, &len) != HPDF_OK || len != out.len)
		return err_set(err, ERR_INTERNAL, "cannot make the PDF");
	blob_move(ret, &out);
	return 0;
}

int
letter_pdf(const char *text, struct blob *ret, struct err *err)
{
	CLEAN(doc_freep) HPDF_Doc doc = HPDF_New(NULL, NULL);
	HPDF_Page page = doc == NULL ? NULL : HPDF_AddPage(doc);
	int rc;

	if (page == NULL ||
	    HPDF_Page_SetSize(page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT) != HPDF_OK ||
	    HPDF_Page_SetFontAndSize(
		page, HPDF_GetFont(doc, "Courier", "WinAnsiEncoding"), FONT_POINTS) != HPDF_OK)
		return err_set(err, ERR_INTERNAL, "cannot make a PDF");
	if ((rc = put_lines(page, text, err)) != 0)
		return rc;
	return save(doc, ret, err);
}

#else

int
letter_pdf(const char *text, struct blob *ret, struct err *err)
{
	(void)text;
	(void)ret;
	return err_set(err, ERR_USAGE,
	    "this ykenroll was built without libharu and makes no PDF; a letter that does not end in "
	    ".pdf is plain text");
}

#endif
