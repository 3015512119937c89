// A function: a component of the world wasi:http/proxy. Each path is one thing that a function can do; those below
// HOSTILE are what none should. `proxy.h` is made from the interfaces by wit-bindgen; `make guests` does all of it.
//
//   casemate fn deploy edge target/guests/edge.wasm --public
//   curl http://127.0.0.1:7070/fn/edge/hello

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy.h"

typedef wasi_http_types_own_response_outparam_t outparam_t;

// What an answer is written to.
typedef struct {
    wasi_http_types_own_outgoing_body_t body;
    wasi_io_streams_own_output_stream_t stream;
} answer_t;

static answer_t begin(outparam_t outparam, uint16_t status, const char *name, const char *value) {
    wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
    wasi_http_types_header_error_t refused;
    proxy_string_t key = { (uint8_t *)name, strlen(name) };
    wasi_http_types_field_value_t content = { (uint8_t *)value, strlen(value) };
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &key, &content, &refused);

    wasi_http_types_own_outgoing_response_t response = wasi_http_types_constructor_outgoing_response(headers);
    wasi_http_types_borrow_outgoing_response_t borrowed = wasi_http_types_borrow_outgoing_response(response);
    wasi_http_types_method_outgoing_response_set_status_code(borrowed, status);
    answer_t answer;
    wasi_http_types_method_outgoing_response_body(borrowed, &answer.body);
    wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(answer.body), &answer.stream);

    wasi_http_types_result_own_outgoing_response_error_code_t result = { .is_err = false, .val.ok = response };
    wasi_http_types_static_response_outparam_set(outparam, &result);
    return answer;
}

static answer_t begin_text(outparam_t outparam, uint16_t status) {
    return begin(outparam, status, "content-type", "text/plain; charset=utf-8");
}

// Writes all of it; false once nobody wants more.
static bool put(answer_t *answer, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length > 0) {
        // The most that the interface takes in one blocking call.
        size_t some = length < 4096 ? length : 4096;
        proxy_list_u8_t piece = { (uint8_t *)at, some };
        wasi_io_streams_stream_error_t error;
        if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
                wasi_io_streams_borrow_output_stream(answer->stream), &piece, &error)) {
            return false;
        }
        at += some;
        length -= some;
    }
    return true;
}

static void finish(answer_t *answer) {
    wasi_http_types_error_code_t error;
    wasi_io_streams_output_stream_drop_own(answer->stream);
    wasi_http_types_static_outgoing_body_finish(answer->body, NULL, &error);
}

static void say(outparam_t outparam, uint16_t status, const char *text) {
    answer_t answer = begin_text(outparam, status);
    put(&answer, text, strlen(text));
    finish(&answer);
}

// Copies a body to the answer.
static void copy(wasi_http_types_own_incoming_body_t body, answer_t *answer) {
    wasi_io_streams_own_input_stream_t stream;
    wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream);
    for (;;) {
        proxy_list_u8_t piece;
        wasi_io_streams_stream_error_t error;
        if (!wasi_io_streams_method_input_stream_blocking_read(
                wasi_io_streams_borrow_input_stream(stream), 65536, &piece, &error)) {
            break;
        }
        bool wanted = put(answer, piece.ptr, piece.len);
        proxy_list_u8_free(&piece);
        if (!wanted) {
            break;
        }
    }
    wasi_io_streams_input_stream_drop_own(stream);
    wasi_http_types_incoming_body_drop_own(body);
}

static void echo(wasi_http_types_borrow_incoming_request_t request, outparam_t outparam) {
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_method_incoming_request_consume(request, &body);
    answer_t answer = begin(outparam, 200, "content-type", "application/octet-stream");
    copy(body, &answer);
    finish(&answer);
}

static const char *const METHODS[] = { "GET",    "HEAD",    "POST",    "PUT",   "DELETE",
                                       "CONNECT", "OPTIONS", "TRACE", "PATCH", "OTHER" };

static void put_line(answer_t *answer, const void *bytes, size_t length) {
    put(answer, bytes, length);
    put(answer, "\n", 1);
}

// Says what the request is, a line each: method, path, authority, and the headers.
static void describe(wasi_http_types_borrow_incoming_request_t request, outparam_t outparam) {
    answer_t answer = begin_text(outparam, 200);
    wasi_http_types_method_t method;
    wasi_http_types_method_incoming_request_method(request, &method);
    put_line(&answer, METHODS[method.tag], strlen(METHODS[method.tag]));
    proxy_string_t text;
    if (wasi_http_types_method_incoming_request_path_with_query(request, &text)) {
        put_line(&answer, text.ptr, text.len);
    }
    if (wasi_http_types_method_incoming_request_authority(request, &text)) {
        put_line(&answer, text.ptr, text.len);
    }
    wasi_http_types_own_headers_t headers = wasi_http_types_method_incoming_request_headers(request);
    wasi_http_types_list_tuple2_field_name_field_value_t entries;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(headers), &entries);
    for (size_t i = 0; i < entries.len; i++) {
        put(&answer, entries.ptr[i].f0.ptr, entries.ptr[i].f0.len);
        put(&answer, ": ", 2);
        put_line(&answer, entries.ptr[i].f1.ptr, entries.ptr[i].f1.len);
    }
    wasi_http_types_fields_drop_own(headers);
    finish(&answer);
}

// Copies a body to another.
static void pass_on(wasi_http_types_borrow_incoming_request_t incoming, answer_t *to) {
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_method_incoming_request_consume(incoming, &body);
    copy(body, to);
    finish(to);
}

// Takes over the headers that are conditions, as far as the request has them.
static wasi_http_types_own_fields_t conditions(wasi_http_types_borrow_incoming_request_t incoming) {
    static const char *const NAMES[] = { "if-match", "if-none-match", "range" };
    wasi_http_types_own_fields_t to = wasi_http_types_constructor_fields();
    wasi_http_types_own_headers_t from = wasi_http_types_method_incoming_request_headers(incoming);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        proxy_string_t name = { (uint8_t *)NAMES[i], strlen(NAMES[i]) };
        wasi_http_types_list_field_value_t values;
        wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(from), &name, &values);
        for (size_t j = 0; j < values.len; j++) {
            wasi_http_types_header_error_t refused;
            wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(to), &name, &values.ptr[j], &refused);
        }
        wasi_http_types_list_field_value_free(&values);
    }
    wasi_http_types_fields_drop_own(from);
    return to;
}

// Asks the URL that stands behind the question mark, with method, conditions and body of the request, and answers with what
// came of it.
static void fetch(wasi_http_types_borrow_incoming_request_t incoming, const char *url, outparam_t outparam) {
    bool secure = strncmp(url, "https://", 8) == 0;
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    size_t host_length = strcspn(host, "/");
    wasi_http_types_scheme_t scheme = { .tag = secure ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP };
    proxy_string_t authority = { (uint8_t *)host, host_length };
    const char *rest = host[host_length] ? host + host_length : "/";
    proxy_string_t path = { (uint8_t *)rest, strlen(rest) };

    wasi_http_types_own_outgoing_request_t request =
        wasi_http_types_constructor_outgoing_request(conditions(incoming));
    wasi_http_types_borrow_outgoing_request_t borrowed = wasi_http_types_borrow_outgoing_request(request);
    wasi_http_types_method_t method;
    wasi_http_types_method_incoming_request_method(incoming, &method);
    wasi_http_types_method_outgoing_request_set_method(borrowed, &method);
    answer_t asked;
    wasi_http_types_method_outgoing_request_body(borrowed, &asked.body);
    wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(asked.body), &asked.stream);
    if (!wasi_http_types_method_outgoing_request_set_scheme(borrowed, &scheme) ||
        !wasi_http_types_method_outgoing_request_set_authority(borrowed, &authority) ||
        !wasi_http_types_method_outgoing_request_set_path_with_query(borrowed, &path)) {
        say(outparam, 400, "not a URL\n");
        return;
    }
    char text[64];
    wasi_http_outgoing_handler_own_future_incoming_response_t future;
    wasi_http_types_error_code_t error;
    if (!wasi_http_outgoing_handler_handle(request, NULL, &future, &error)) {
        snprintf(text, sizeof text, "error %d\n", error.tag);
        say(outparam, 502, text);
        return;
    }
    pass_on(incoming, &asked);
    wasi_http_types_borrow_future_incoming_response_t waiting = wasi_http_types_borrow_future_incoming_response(future);
    wasi_io_poll_own_pollable_t pollable = wasi_http_types_method_future_incoming_response_subscribe(waiting);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);
    wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
    wasi_http_types_method_future_incoming_response_get(waiting, &got);
    if (got.is_err || got.val.ok.is_err) {
        snprintf(text, sizeof text, "error %d\n", got.is_err ? -1 : got.val.ok.val.err.tag);
        say(outparam, 502, text);
        return;
    }
    wasi_http_types_own_incoming_response_t response = got.val.ok.val.ok;
    wasi_http_types_borrow_incoming_response_t answered = wasi_http_types_borrow_incoming_response(response);
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_method_incoming_response_consume(answered, &body);
    answer_t answer = begin_text(outparam, wasi_http_types_method_incoming_response_status(answered));
    copy(body, &answer);
    finish(&answer);
}

// HOSTILE: what follows ends at a limit, or answers nothing that makes sense.

static void spin(void) {
    for (volatile unsigned long long i = 0;; i++) {
    }
}

static void grow(void) {
    // Kept where the compiler must suppose that somebody looks, or it leaves the allocations out.
    static char *volatile kept;
    do {
        kept = malloc(1 << 20);
    } while (kept != NULL);
    abort();
}

static void flood(outparam_t outparam) {
    static char block[65536];
    answer_t answer = begin_text(outparam, 200);
    while (put(&answer, block, sizeof block)) {
    }
}

static void half(outparam_t outparam) {
    answer_t answer = begin_text(outparam, 200);
    put(&answer, "half of", 7);
}

static void hostile(const char *path, outparam_t outparam) {
    if (strcmp(path, "/spin") == 0) {
        spin();
    } else if (strcmp(path, "/grow") == 0) {
        grow();
    } else if (strcmp(path, "/sleep") == 0) {
        nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
    } else if (strcmp(path, "/flood") == 0) {
        flood(outparam);
    } else if (strcmp(path, "/half") == 0) {
        half(outparam);
    } else if (strcmp(path, "/trap") == 0) {
        __builtin_trap();
    } else if (strcmp(path, "/silent") != 0) {
        say(outparam, 404, "there is nothing at this path\n");
    }
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t incoming, outparam_t outparam) {
    wasi_http_types_borrow_incoming_request_t request = wasi_http_types_borrow_incoming_request(incoming);
    proxy_string_t whole = { NULL, 0 };
    wasi_http_types_method_incoming_request_path_with_query(request, &whole);
    char *path = strndup((const char *)whole.ptr, whole.len);
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    if (strcmp(path, "/hello") == 0) {
        say(outparam, 200, "hello\n");
    } else if (strcmp(path, "/echo") == 0) {
        echo(request, outparam);
    } else if (strcmp(path, "/request") == 0) {
        describe(request, outparam);
    } else if (strcmp(path, "/env") == 0) {
        const char *greeting = getenv("GREETING");
        say(outparam, 200, greeting == NULL ? "GREETING is not set\n" : greeting);
    } else if (strcmp(path, "/log") == 0) {
        printf("to standard output\n");
        fflush(stdout);
        fprintf(stderr, "to standard error\n");
        say(outparam, 200, "logged\n");
    } else if (strcmp(path, "/fetch") == 0 && query != NULL) {
        fetch(request, query, outparam);
    } else if (strcmp(path, "/page") == 0) {
        answer_t answer = begin(outparam, 200, "set-cookie", "a=b");
        const char *page = "<script>document.title = document.cookie || 'none'</script>";
        put(&answer, page, strlen(page));
        finish(&answer);
    } else {
        hostile(path, outparam);
    }
}
