/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ykenroll-letter: a page by libharu, in one of the fonts that every PDF reader has. A helper
 * (base/helper.h): its record is the text of the letter, UTF-8, lines with LF, at most RECORD_MAX
 * bytes; its result is the PDF. There is a PIN in both: they are in no file of ours.
 */
#include <errno.h>
#include <hpdf.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ykenroll/blob.h"
#include "ykenroll/secret.h"

#define RECORD_MAX 4096

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
		return err_set(err, ERR_INTERNAL, "cannot convert to CP1252");
	r = iconv(cd, &in, &len, &out, &room);
	(void)iconv_close(cd);
	if (r == (size_t)-1)
		return err_set(err, ERR_USAGE,
		    "the name has a character that PDF's standard fonts lack; choose a file name "
		    "that does not end in .pdf to get plain text");
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
		return err_set(err, ERR_INTERNAL, "cannot create the PDF");
	if ((out.data = malloc(len)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	out.len = len;
	if (HPDF_ReadFromStream(doc, out.data, &len) != HPDF_OK || len != out.len)
		return err_set(err, ERR_INTERNAL, "cannot create the PDF");
	blob_move(ret, &out);
	return 0;
}

static int
make_pdf(const char *text, struct blob *ret, struct err *err)
{
	CLEAN(doc_freep) HPDF_Doc doc = HPDF_New(NULL, NULL);
	HPDF_Page page = doc == NULL ? NULL : HPDF_AddPage(doc);
	int rc;

	if (page == NULL ||
	    HPDF_Page_SetSize(page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT) != HPDF_OK ||
	    HPDF_Page_SetFontAndSize(
		page, HPDF_GetFont(doc, "Courier", "WinAnsiEncoding"), FONT_POINTS) != HPDF_OK)
		return err_set(err, ERR_INTERNAL, "cannot create a PDF");
	if ((rc = put_lines(page, text, err)) != 0)
		return rc;
	return save(doc, ret, err);
}

static int
read_record(char text[static RECORD_MAX + 1], struct err *err)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, text + len, RECORD_MAX + 1 - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_errno(err, ERR_INTERNAL, "cannot read the letter");
		if (n > 0 && (len += (size_t)n) > RECORD_MAX)
			return err_set(
			    err, ERR_USAGE, "the letter is too long: at most %d bytes", RECORD_MAX);
	}
	text[len] = '\0';
	close(STDIN_FILENO);
	return 0;
}

static int
write_result(const struct blob *page, struct err *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < page->len) {
		n = write(STDOUT_FILENO, page->data + done, page->len - done);
		if (n < 0 && errno != EINTR)
			return err_errno(err, ERR_INTERNAL, "cannot write the letter");
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

int
main(void)
{
	static char text[RECORD_MAX + 1];
	CLEAN(blob_wipe) struct blob page = {0};
	struct err err = ERR_INIT;
	int rc;

	(void)mlock(text, sizeof(text));
	if ((rc = secret_harden(&err)) == 0 && (rc = read_record(text, &err)) == 0 &&
	    (rc = make_pdf(text, &page, &err)) == 0)
		rc = write_result(&page, &err);
	secret_wipe_bytes(text, sizeof(text));
	if (rc != 0)
		(void)!write(STDOUT_FILENO, err.text, strlen(err.text));
	return err_exit_status(rc);
}
