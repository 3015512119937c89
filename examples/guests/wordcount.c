/* Counts lines, words and bytes, and lists the ten most frequent words.
 *
 *   wordcount [FILE...]
 *
 * Reads the files named, else every file of /in, else standard input. A word is a run of ASCII letters, digits,
 * apostrophes and bytes above 127, in lower case, so that any UTF-8 text can be counted without tables.
 *
 * Built twice: WORDCOUNT_VERSION 2 also tells the longest word and the reading time. The tour stores both, to show
 * how little a new version costs.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_BYTES_MAX = 64, /* longer words are counted, and listed by their beginning */
    TOP_COUNT = 10,
    SLOTS_MIN = 1024, /* a power of two */
    FILES_MAX = 256,
    PATH_BYTES_MAX = 512,
    READING_WORDS_PER_MINUTE = 230,
};

struct word {
    char text[WORD_BYTES_MAX + 1];
    uint64_t count;
};

struct totals {
    uint64_t lines, words, bytes, distinct;
    char longest[WORD_BYTES_MAX + 1];
    size_t slots;
    struct word *table; /* open addressing; a count of zero marks a free slot */
};

static void die(const char *what, const char *on)
{
    fprintf(stderr, "wordcount: %s %s\n", what, on);
    exit(2);
}

/* FNV-1a: short, and good enough for a table that no attacker times. */
static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u;
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value;
}

static struct word *slot_of(struct word *table, size_t slots, const char *text)
{
    size_t at = hash(text) & (slots - 1);
    while (table[at].count != 0 && strcmp(table[at].text, text) != 0)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

static void grow(struct totals *totals)
{
    size_t slots = totals->slots == 0 ? SLOTS_MIN : totals->slots * 2;
    struct word *table = calloc(slots, sizeof *table);
    if (table == NULL)
        die("out of memory for", "the table of words");
    for (size_t at = 0; at < totals->slots; at++)
        if (totals->table[at].count != 0)
            *slot_of(table, slots, totals->table[at].text) = totals->table[at];
    free(totals->table);
    totals->table = table;
    totals->slots = slots;
}

static void add_word(struct totals *totals, const char *text)
{
    if (totals->distinct * 2 >= totals->slots)
        grow(totals);
    struct word *word = slot_of(totals->table, totals->slots, text);
    if (word->count == 0) {
        strcpy(word->text, text);
        totals->distinct++;
    }
    word->count++;
    totals->words++;
    if (strlen(text) > strlen(totals->longest))
        strcpy(totals->longest, text);
}

static bool is_word_byte(int byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '\'' || byte > 127;
}

static void count_stream(struct totals *totals, FILE *file)
{
    char text[WORD_BYTES_MAX + 1];
    size_t length = 0;
    int byte;
    while ((byte = getc(file)) != EOF) {
        totals->bytes++;
        totals->lines += byte == '\n';
        if (is_word_byte(byte)) {
            if (length < WORD_BYTES_MAX)
                text[length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
        } else if (length > 0) {
            text[length] = '\0';
            add_word(totals, text);
            length = 0;
        }
    }
    if (length > 0) {
        text[length] = '\0';
        add_word(totals, text);
    }
}

static void count_file(struct totals *totals, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("cannot open", path);
    count_stream(totals, file);
    if (ferror(file))
        die("cannot read", path);
    fclose(file);
}

/* Counts every file of /in; false when there is no such directory. */
static bool count_input_directory(struct totals *totals)
{
    DIR *directory = opendir("/in");
    if (directory == NULL)
        return false;
    char path[PATH_BYTES_MAX];
    struct dirent *entry;
    int files = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_type != DT_REG)
            continue;
        if (++files > FILES_MAX)
            die("too many files in", "/in");
        snprintf(path, sizeof path, "/in/%s", entry->d_name);
        count_file(totals, path);
    }
    closedir(directory);
    return true;
}

/* The most frequent first; equally frequent ones by the alphabet, so that the output does not depend on the table. */
static int by_count(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->text, b->text);
}

static void report(struct totals *totals)
{
    printf("lines      %8llu\n", (unsigned long long)totals->lines);
    printf("words      %8llu\n", (unsigned long long)totals->words);
    printf("distinct   %8llu\n", (unsigned long long)totals->distinct);
    printf("bytes      %8llu\n", (unsigned long long)totals->bytes);
#if WORDCOUNT_VERSION >= 2
    uint64_t minutes = (totals->words + READING_WORDS_PER_MINUTE - 1) / READING_WORDS_PER_MINUTE;
    printf("longest    %s\n", totals->longest);
    printf("reading    %llu min at %d words a minute\n", (unsigned long long)minutes, READING_WORDS_PER_MINUTE);
#endif
    if (totals->distinct == 0)
        return;
    qsort(totals->table, totals->slots, sizeof *totals->table, by_count);
    puts("\nmost frequent");
    for (size_t at = 0; at < TOP_COUNT && at < totals->slots && totals->table[at].count != 0; at++)
        printf("%8llu  %s\n", (unsigned long long)totals->table[at].count, totals->table[at].text);
}

int main(int argc, char **argv)
{
    struct totals totals = {0};
    for (int at = 1; at < argc; at++)
        count_file(&totals, argv[at]);
    if (argc == 1 && !count_input_directory(&totals))
        count_stream(&totals, stdin);
    report(&totals);
    return 0;
}
