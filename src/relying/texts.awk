# SPDX-License-Identifier: BSD-2-Clause
# The files of text/ as one table in C.
BEGIN { print "#include \"relying/template.h\"\n\nconst struct template templates[] = {" }
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	printf "%s    {\"%s\",\n", (NR > 1 ? "    },\n" : ""), name
}
{
	gsub(/[\\"]/, "\\\\&")
	print "\t\"" $0 "\\n\""
}
END { print "    },\n    {NULL, NULL},\n};" }
