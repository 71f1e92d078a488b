/* Markup as an app writes it, and the HTML it becomes. */
#include "html/html.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

/* --- a component to draw for --- */

static void event_url(const HtmlContext *ctx, lua_State *L, Slice to,
                      Slice event, int value, Buf *out) {
  if (slice_is(event, "nope")) luaL_error(L, "demo/x has no event \"nope\"");
  buf_lit(out, "/conv/CID/");
  buf_slice(out, to.len ? to : ctx->id);
  buf_lit(out, "/");
  buf_slice(out, event);
  buf_lit(out, "?m=MAC");
  if (value) {
    size_t len;
    const char *s = luaL_tolstring(L, value, &len);
    buf_lit(out, "&p=");
    html_url_component(out, slice(s, len));
    lua_pop(L, 1);
  }
}

/* Fields are the global table `self`. */
static void bind(const HtmlContext *ctx, lua_State *L, Slice path,
                 Buf *signal) {
  (void)ctx;
  if (path.ptr[0] == '$') {
    buf_put(signal, path.ptr + 1, path.len - 1);
  } else {
    buf_lit(signal, "ix3.");
    buf_slice(signal, path);
  }
  lua_getglobal(L, "self");
  lua_pushlstring(L, path.ptr, path.len);
  lua_gettable(L, -2);
  lua_remove(L, -2);
}

static void slot(const HtmlContext *ctx, lua_State *L, Slice name, int wrap,
                 Buf *out) {
  if (slice_is(name, "bad")) luaL_error(L, "todo/child: a slot's own error");
  if (wrap) {
    HtmlPart part = { .id = SLICE("ix-3--list") };
    html_render_part(L, wrap, ctx, &part, out);
    char rest[64];
    size_t n = part.end ? out->len - part.end : 0;
    memcpy(rest, out->ptr + out->len - n, n);
    out->len -= n;
    buf_puts(out, part.is_id ? "<i>1</i>" : "<i>2</i>");
    buf_put(out, rest, n);
  } else {
    buf_lit(out, "<i>");
    html_text(out, name);
    buf_lit(out, "</i>");
  }
}

static HtmlContext bare(void) {
  return (HtmlContext){ .event_url = event_url, .bind = bind, .slot = slot };
}

static HtmlContext instance(void) {
  HtmlContext ctx = bare();
  ctx.component = SLICE("demo/x");
  ctx.id = SLICE("ix-3");
  return ctx;
}

static int f_embed(lua_State *L) {
  lua_newtable(L);
  luaL_setmetatable(L, HTML_EMBED);
  return 1;
}

static lua_State *state(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  html_open(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_setglobal(L, lua_tostring(L, -2));
  }
  lua_setglobal(L, "html");
  luaL_newmetatable(L, HTML_EMBED);
  lua_setglobal(L, "Embed");
  lua_register(L, "embed", f_embed);
  lua_newtable(L);
  lua_setglobal(L, "self");
  return L;
}

typedef struct Drawn {
  Buf out;
  char *error;
} Drawn;

typedef struct Args {
  const HtmlContext *ctx;
  Buf *out;
} Args;

static int draw_protected(lua_State *L) {
  Args *args = lua_touserdata(L, 2);
  int top = lua_gettop(L);
  html_render(L, 1, args->ctx, args->out);
  assert_int_equal(lua_gettop(L), top);
  return 0;
}

/* Draws what the Lua text returns (an expression, or a chunk with its own
 * return). */
static Drawn draw(const HtmlContext *ctx, const char *markup) {
  Drawn d = { 0 };
  lua_State *L = state();
  buf_lit(&d.out, "<before>");
  lua_pushcfunction(L, draw_protected);
  lua_pushfstring(L, "return %s", markup);
  if (luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK) {
    lua_pop(L, 1);
    if (luaL_loadstring(L, markup) != LUA_OK)
      fail_msg("%s", lua_tostring(L, -1));
  }
  lua_remove(L, -2);
  lua_call(L, 0, 1);
  lua_pushlightuserdata(L, &(Args){ ctx, &d.out });
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    d.error = xstrdup(luaL_tolstring(L, -1, NULL));
    assert_int_equal(d.out.len, strlen("<before>")); /* cut back */
  }
  lua_close(L);
  return d;
}

static void check(const HtmlContext *ctx, const char *markup,
                  const char *html) {
  Drawn d = draw(ctx, markup);
  if (d.error) fail_msg("%s\n  raised %s", markup, d.error);
  size_t before = strlen("<before>");
  Slice got = slice(d.out.ptr + before, d.out.len - before);
  if (!slice_is(got, html))
    fail_msg("%s\n  is   %.*s\n  not  %s", markup, (int)got.len, got.ptr, html);
  buf_free(&d.out);
}

static void draws(const char *markup, const char *html) {
  HtmlContext ctx = bare();
  check(&ctx, markup, html);
}

/* As the instance ix-3 of demo/x: `html` is what stands inside its root div. */
static void draws_inside(const char *markup, const char *html) {
  HtmlContext ctx = instance();
  Buf all = { 0 };
  buf_lit(&all, "<div class=\"stube-c-demo-x\" data-stube-component=\"demo/x\" "
                "id=\"ix-3\">");
  buf_puts(&all, html);
  buf_lit(&all, "</div>");
  buf_byte(&all, '\0');
  check(&ctx, markup, all.ptr);
  buf_free(&all);
}

static void refuses(const char *markup, const char *error) {
  HtmlContext ctx = bare();
  ctx.component = SLICE("demo/x");
  Drawn d = draw(&ctx, markup);
  if (!d.error)
    fail_msg("%s\n  is drawn: %.*s", markup, (int)d.out.len, d.out.ptr);
  if (strcmp(d.error, error) != 0)
    fail_msg("%s\n  raised  %s\n  not     %s", markup, d.error, error);
  free(d.error);
  buf_free(&d.out);
}

/* --- elements and text --- */

static void test_elements(void **s) {
  (void)s;
  draws("{'p'}", "<p></p>");
  draws("{'p', 'a', 'b'}", "<p>ab</p>");
  draws("{'p', {'b', 'x'}, ' y'}", "<p><b>x</b> y</p>");
  draws("{'br'}", "<br>");
  draws("{'img', src = '/a.png', alt = ''}", "<img alt=\"\" src=\"/a.png\">");
  draws("{'BR'}", "<BR>");
  draws("{'svg', viewBox = '0 0 1 1', {'linearGradient'}}",
        "<svg viewBox=\"0 0 1 1\"><linearGradient></linearGradient></svg>");
  draws("{'my-thing', 'x'}", "<my-thing>x</my-thing>");
  draws("{'', 'a', {'b'}}", "a<b></b>");
  draws("{'', class = 'x', 'a'}", "a");
  draws("{'h1', 'x'}", "<h1>x</h1>");
}

static void test_shorthand(void **s) {
  (void)s;
  draws("{'div.card'}", "<div class=\"card\"></div>");
  draws("{'div.card.wide#main'}",
        "<div class=\"card wide\" id=\"main\"></div>");
  draws("{'div#main.card', class = 'x'}",
        "<div class=\"card x\" id=\"main\"></div>");
  draws("{'div#main', id = 'other'}", "<div id=\"other\"></div>");
  draws("{'div.w-1/2.md:p-2'}", "<div class=\"w-1/2 md:p-2\"></div>");
  draws("{'br.x'}", "<br class=\"x\">");
}

static void test_text(void **s) {
  (void)s;
  draws("'<b> & \"x\" it\\'s'", "&lt;b&gt; &amp; &quot;x&quot; it&#39;s");
  draws("{'p', 5, ' ', 5.0, ' ', 5.5, ' ', -3, ' ', -0.0, ' ', 1e300}",
        "<p>5 5 5.5 -3 0 1e+300</p>");
  draws("{'p', math.mininteger, ' ', math.maxinteger}",
        "<p>-9223372036854775808 9223372036854775807</p>");
  draws("{'p', setmetatable({}, {__tostring = function() return '<x>' end})}",
        "<p>&lt;x&gt;</p>");
  draws("{'p', nil, 'a', false, 'b', nil}", "<p>ab</p>");
  draws("nil", "");
  draws("false", "");
  draws("{'p', '\\xff'}", "<p>\xEF\xBF\xBD</p>");
}

/* Short and long Lua strings are copied eight bytes at a time: whatever their
 * length and wherever the byte stands, it is seen. */
static void test_every_length(void **s) {
  (void)s;
  for (int len = 1; len <= 50; len++) {
    for (int at = 0; at < len; at++) {
      char markup[256], html[512], x[64];
      memset(x, 'x', sizeof x);
      snprintf(
          markup, sizeof markup,
          "local s = ('x'):rep(%d) .. '<' .. ('x'):rep(%d) return {'p', title "
          "= s, s}",
          at, len - at - 1);
      snprintf(html, sizeof html, "<p title=\"%.*s&lt;%.*s\">%.*s&lt;%.*s</p>",
               at, x, len - at - 1, x, at, x, len - at - 1, x);
      draws(markup, html);
    }
  }
}

static void test_holes(void **s) {
  (void)s;
  draws("{'p', nil, nil, nil, 'x'}", "<p>x</p>");
  draws("local t = {'p'} t[9] = 'nine' t[5] = 'five' t[100] = 'c' return t",
        "<p>fiveninec</p>");
  draws("local t = {class = 'a', id = 'b', title = 'c'} t[1] = 'p' t[2] = 'x' "
        "return t",
        "<p class=\"a\" id=\"b\" title=\"c\">x</p>");
  draws("local t = {class = 'a', id = 'b', title = 'c'} t[1] = 'p' t[3] = 'x' "
        "return t",
        "<p class=\"a\" id=\"b\" title=\"c\">x</p>");
  draws("local t = {'ul'} for i = 1, 20 do t[#t + 1] = {'li', i} end return "
        "t[20]",
        "<li>19</li>");
  draws("local t = {'ul'} for i = 1, 6 do t[#t + 1] = i end return t",
        "<ul>123456</ul>");
  draws("local t = {} for i = 1000, 1, -100 do t[i] = i .. ' ' end return t",
        "100 200 300 400 500 600 700 800 900 1000 ");
}

static void test_lists(void **s) {
  (void)s;
  draws("{{'b'}, {'i'}}", "<b></b><i></i>");
  draws("{'p', {{'b'}, {{'i'}, {{'u'}}}}}", "<p><b></b><i></i><u></u></p>");
  draws("{'p', each({'a', 'b'}, function(x, i) return x .. i end)}",
        "<p>a1b2</p>");
  draws("{'p', each({'a', 'b'}, function(x) return x ~= 'a' and {'b', x} end)}",
        "<p><b>b</b></p>");
  draws("{'p', list{'b', 'x'}}", "<p>bx</p>");
  draws("{'p', {}}", "<p></p>");
  draws("{'p', {{}}}", "<p></p>");
  draws("{'p', each({}, print)}", "<p></p>");
}

static void test_bundles(void **s) {
  (void)s;
  draws("{'p', {title = 'x'}, 'a'}", "<p title=\"x\">a</p>");
  draws("{'p', title = 'own', {title = 'x'}, {title = 'y'}}",
        "<p title=\"y\"></p>");
  draws("{'p.a', class = 'b', {class = 'c'}}", "<p class=\"a b c\"></p>");
  draws("{'p', {{'b'}, {title = 'x'}}}", "<p title=\"x\"><b></b></p>");
  draws("{'p', title = 'own', {title = false}}", "<p></p>");
  draws("{'a', on_click = 'x', {on_click = 'y'}}",
        "<a data-on:click=\"@post('/conv/CID//y?m=MAC')\"></a>");
  draws("{'a', on_click = 'x', {on_click = false}}", "<a></a>");
  draws("{'br', {title = 'x'}, nil, false}", "<br title=\"x\">");
}

static void test_raw(void **s) {
  (void)s;
  draws("raw('<b>')", "<b>");
  draws("{'p', raw '<b>&amp;</b>', '<'}", "<p><b>&amp;</b>&lt;</p>");
  draws("{'p', title = raw 'a &amp; \"b\"'}",
        "<p title=\"a &amp; &quot;b&quot;\"></p>");
}

/* --- attributes --- */

static void test_names(void **s) {
  (void)s;
  draws("{'label', for_ = 'x'}", "<label for=\"x\"></label>");
  draws("{'p', data_a_b = 'x', z = 1, a = 2}",
        "<p a=\"2\" data-a-b=\"x\" z=\"1\"></p>");
  draws("{'use', ['xlink:href'] = '#a'}", "<use xlink:href=\"#a\"></use>");
  draws("{'p', ['data-on:click__once'] = 'x()'}",
        "<p data-on:click__once=\"x()\"></p>");
  draws("{'p', ['data-x'] = 1, data_y = 2}",
        "<p data-x=\"1\" data-y=\"2\"></p>");
  draws("{'p', in_ = 1, _ = 2}", "<p -=\"2\" in=\"1\"></p>");
}

static void test_values(void **s) {
  (void)s;
  draws("{'input', disabled = true, required = false, value = 5.0}",
        "<input disabled value=\"5\">");
  draws("{'p', title = '<\"&\\'>'}", "<p title=\"&lt;&quot;&amp;'&gt;\"></p>");
  draws("{'p', aria_hidden = true, aria_busy = false, draggable = false, "
        "spellcheck = true, contenteditable = true}",
        "<p aria-busy=\"false\" aria-hidden=\"true\" contenteditable=\"true\" "
        "draggable=\"false\" spellcheck=\"true\"></p>");
  draws("{'p', title = setmetatable({}, {__tostring = function() return '<' "
        "end})}",
        "<p title=\"&lt;\"></p>");
}

static void test_class(void **s) {
  (void)s;
  draws("{'p', class = {'a', false, 'b', nil, 'c d'}}",
        "<p class=\"a b c d\"></p>");
  draws("{'p', class = {z = true, a = 1, no = false}}",
        "<p class=\"a z\"></p>");
  draws("{'p', class = {'x', b = true, a = true, {'y'}}}",
        "<p class=\"x y a b\"></p>");
  draws("{'p', class = {done = false}}", "<p></p>");
  draws("{'p', class = ''}", "<p></p>");
  draws("{'p', class = {a_b = true}}", "<p class=\"a_b\"></p>");
  draws("{'p', class = '\"><script>'}",
        "<p class=\"&quot;&gt;&lt;script&gt;\"></p>");
}

static void test_style(void **s) {
  (void)s;
  draws("{'p', style = 'color: red'}",
        "<p data-stube-style=\"color: red\"></p>");
  draws("{'p', style = {font_size = '12px', color = 'red', z_index = 3.0, x = "
        "false}}",
        "<p data-stube-style=\"color: red; font-size: 12px; z-index: 3\"></p>");
  draws("{'p', style = {['--gap'] = '1px'}}",
        "<p data-stube-style=\"--gap: 1px\"></p>");
  draws("{'p', style = {color = 'red; position: fixed', width = '1px'}}",
        "<p data-stube-style=\"width: 1px\"></p>");
  draws("{'p', style = {background = 'url(\"a;b\")'}}",
        "<p data-stube-style=\"background: url(&quot;a;b&quot;)\"></p>");
  draws("{'p', style = {color = 'red/*', top = 'a(', left = '\"'}}", "<p></p>");
}

static void test_same_bytes(void **s) {
  (void)s;
  for (int i = 0; i < 20; i++)
    draws("{'p', e = 1, d = 1, c = 1, b = 1, a = 1, aa = 1, ab = 1}",
          "<p a=\"1\" aa=\"1\" ab=\"1\" b=\"1\" c=\"1\" d=\"1\" e=\"1\"></p>");
}

static void test_raw_text(void **s) {
  (void)s;
  draws("{'script', 'if (a < b && c) x(\"</script>\")'}",
        "<script>if (a < b && c) x(\"<\\/script>\")</script>");
  draws("{'script', '<', '/SCRIPT>'}", "<script><\\/SCRIPT></script>");
  draws("{'script', '<!-- <script>'}", "<script><\\!-- <script></script>");
  draws("{'style', 'a > b {}', '</style'}", "<style>a > b {}<\\/style</style>");
  draws("{'style', {media = 'print'}, raw 'a>b'}",
        "<style media=\"print\">a>b</style>");
  draws("{'title', '</title>'}", "<title>&lt;/title&gt;</title>");
}

static void test_newlines(void **s) {
  (void)s;
  draws("{'pre', '\\nx'}", "<pre>\n\nx</pre>");
  draws("{'textarea', 'x\\n'}", "<textarea>x\n</textarea>");
  draws("{'textarea', '\\n'}", "<textarea>\n\n</textarea>");
  draws("{'p', '\\nx'}", "<p>\nx</p>");
  draws("{'p', 'a\\rb'}", "<p>a&#13;b</p>");
}

/* --- the root --- */

static void test_root(void **s) {
  (void)s;
  HtmlContext ctx = instance();
  check(&ctx, "{'section', 'x'}",
        "<section class=\"stube-c-demo-x\" data-stube-component=\"demo/x\" "
        "id=\"ix-3\">x</section>");
  check(&ctx, "{'section.a#b', class = 'c', id = 'd'}",
        "<section class=\"stube-c-demo-x a c\" data-stube-component=\"demo/x\" "
        "id=\"ix-3\"></section>");
  check(&ctx, "{'br'}",
        "<br class=\"stube-c-demo-x\" data-stube-component=\"demo/x\" "
        "id=\"ix-3\">");
  draws_inside("'text'", "text");
  draws_inside("nil", "");
  draws_inside("{}", "");
  draws_inside("{{'b'}, {'i'}}", "<b></b><i></i>");
  draws_inside("{{'b'}}", "<b></b>");
  draws_inside("{'', {'b'}}", "<b></b>");
  draws_inside("list{'b'}", "b");
  draws_inside("raw '<b>'", "<b>");
  draws_inside("slot 'x'", "<i>x</i>");
}

static void test_slots(void **s) {
  (void)s;
  draws("{'p', slot 'x'}", "<p><i>x</i></p>");
  draws("{'p', slot('x', {'ul.rows', {'li'}})}",
        "<p><ul class=\"rows\" "
        "id=\"ix-3--list\"><li></li><i>1</i></ul></p>");
  draws("{'p', slot('x', {'ul#rows', {'', 'a'}})}",
        "<p><ul id=\"rows\">a<i>2</i></ul></p>");
  draws("{'p', slot('x', {'ul', id = 'rows'})}",
        "<p><ul id=\"rows\"><i>2</i></ul></p>");
  draws("{'p', slot('x', {'hr'})}", "<p><hr id=\"ix-3--list\"><i>1</i></p>");
}

/* --- events --- */

static void test_events(void **s) {
  (void)s;
  HtmlContext ctx = bare();
  ctx.id = SLICE("ix-3");
  struct {
    const char *markup, *html;
  } cases[] = {
    { "{'a', on_click = 'inc'}",
      "<a data-on:click=\"@post('/conv/CID/ix-3/inc?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_click = {'toggle', 7}}",
      "<a data-on:click=\"@post('/conv/CID/ix-3/toggle?m=MAC&amp;p=7')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_click = {'toggle', false}}",
      "<a data-on:click=\"@post('/conv/CID/ix-3/toggle?m=MAC&amp;p=false')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_input = {'typed', debounce = 0.3}}",
      "<a "
      "data-on:input__debounce.300ms=\"@post('/conv/CID/ix-3/typed?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_keydown = {'cancel', key = 'Escape', window = true}}",
      "<a data-on:keydown__window=\"evt.key === 'Escape' &amp;&amp; "
      "@post('/conv/CID/ix-3/cancel?m=MAC')\" id=\"ix-3\"></a>" },
    { "{'a', on_click = {'del', confirm = 'It\\'s \"sure\"?'}}",
      "<a data-on:click=\"confirm('It\\'s &quot;sure&quot;?') &amp;&amp; "
      "@post('/conv/CID/ix-3/del?m=MAC')\" id=\"ix-3\"></a>" },
    { "{'a', on_click = {'x', once = true, prevent = true, stop = true, "
      "outside = true, "
      "window = true, debounce = 1, throttle = 2.5}}",
      "<a "
      "data-on:click__once__prevent__stop__outside__window__debounce.1000ms__"
      "throttle.2500ms=\"@post('/conv/CID/ix-3/x?m=MAC')\" id=\"ix-3\"></a>" },
    { "{'a', on_click = {'x', queue = true}}",
      "<a data-on:click=\"@post('/conv/CID/ix-3/x?m=MAC', {queue: true})\" "
      "id=\"ix-3\"></a>" },
    { "{'form', on_submit = {'x', queue = true}}",
      "<form action=\"/conv/CID/ix-3/x?m=MAC\" "
      "data-on:submit__prevent=\"@post('/conv/CID/ix-3/x?m=MAC', "
      "{contentType: 'form', queue: true})\" id=\"ix-3\" method=\"post\">"
      "</form>" },
    { "{'a', on_click = {'x', once = false, queue = false}}",
      "<a data-on:click=\"@post('/conv/CID/ix-3/x?m=MAC')\" id=\"ix-3\"></a>" },
    { "{'a', on_click = {'x', to = 'parent'}}",
      "<a data-on:click=\"@post('/conv/CID/parent/x?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_input = true}",
      "<a data-on:input=\"@post('/conv/CID/ix-3/-?m=MAC')\" id=\"ix-3\"></a>" },
    { "{'a', on_input = {true, debounce = 0.3}}",
      "<a data-on:input__debounce.300ms=\"@post('/conv/CID/ix-3/-?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_my_event = 'x'}",
      "<a data-on:my-event=\"@post('/conv/CID/ix-3/x?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'a', on_keydown = {{'save', key = 'Enter'}, {'cancel', key = "
      "'Escape'}, "
      "{'w', window = true}}}",
      "<a data-on:keydown=\"evt.key === 'Enter' &amp;&amp; "
      "@post('/conv/CID/ix-3/save?m=MAC'); evt.key === 'Escape' &amp;&amp; "
      "@post('/conv/CID/ix-3/cancel?m=MAC')\" "
      "data-on:keydown__window=\"@post('/conv/CID/ix-3/w?m=MAC')\" "
      "id=\"ix-3\"></a>" },
    { "{'form', on_submit = 'save'}",
      "<form action=\"/conv/CID/ix-3/save?m=MAC\" "
      "data-on:submit__prevent=\"@post('/conv/CID/ix-3/save?m=MAC', "
      "{contentType: 'form'})\" id=\"ix-3\" method=\"post\"></form>" },
    { "{'form', on_submit = {{'save', 1}, {'log'}}, action = '/mine'}",
      "<form action=\"/mine\" "
      "data-on:submit__prevent=\"@post('/conv/CID/ix-3/save?m=MAC&amp;p=1', "
      "{contentType: 'form'}); @post('/conv/CID/ix-3/log?m=MAC', "
      "{contentType: 'form'})\" id=\"ix-3\" method=\"post\"></form>" },
    { "{'div', on_submit = 'save'}",
      "<div data-on:submit__prevent=\"@post('/conv/CID/ix-3/save?m=MAC')\" "
      "id=\"ix-3\"></div>" },
    { "{'button', on_click = 'x'}",
      "<button data-on:click=\"@post('/conv/CID/ix-3/x?m=MAC')\" id=\"ix-3\" "
      "type=\"button\"></button>" },
    { "{'button', on_click = 'x', type = 'submit'}",
      "<button data-on:click=\"@post('/conv/CID/ix-3/x?m=MAC')\" id=\"ix-3\" "
      "type=\"submit\"></button>" },
    { "{'button'}", "<button id=\"ix-3\"></button>" },
    { "{'button', on_click = false}", "<button id=\"ix-3\"></button>" },
  };
  for (size_t i = 0; i < countof(cases); i++)
    check(&ctx, cases[i].markup, cases[i].html);
}

/* --- fields --- */

static void test_bind_text(void **s) {
  (void)s;
  draws("self.draft = 'a\"b' return {'input', bind = 'draft'}",
        "<input data-bind=\"ix3.draft\" name=\"draft\" value=\"a&quot;b\">");
  draws("{'input', bind = 'draft'}",
        "<input data-bind=\"ix3.draft\" name=\"draft\" value=\"\">");
  draws("self.n = 5.0 return {'input', type = 'number', bind = 'n'}",
        "<input data-bind=\"ix3.n\" name=\"n\" type=\"number\" value=\"5\">");
  draws("self['$zoom'] = 2 return {'input', type = 'range', bind = '$zoom'}",
        "<input data-bind=\"zoom\" name=\"zoom\" type=\"range\" value=\"2\">");
  draws("{'', {'input', type = 'range', bind = '$zoom', value = 2}, {'input', "
        "type = 'checkbox', bind = '$on', checked = true}, {'textarea', bind = "
        "'$note', 'hm'}}",
        "<input data-bind=\"zoom\" name=\"zoom\" type=\"range\" value=\"2\">"
        "<input checked data-bind=\"on\" name=\"on\" type=\"checkbox\">"
        "<textarea data-bind=\"note\" name=\"note\">hm</textarea>");
  draws("self['a.b'] = 'x' return {'input', bind = 'a.b', name = 'mine'}",
        "<input data-bind=\"ix3.a.b\" name=\"mine\" value=\"x\">");
  draws("{'input', type = 'file', bind = 'f'}",
        "<input data-bind=\"ix3.f\" name=\"f\" type=\"file\">");
  draws("self.t = '\\n<x>' return {'textarea', bind = 't', rows = 2}",
        "<textarea data-bind=\"ix3.t\" name=\"t\" "
        "rows=\"2\">\n\n&lt;x&gt;</textarea>");
  draws("self.t = 'x' return {'my-field', bind = 't'}",
        "<my-field data-bind=\"ix3.t\" name=\"t\" value=\"x\"></my-field>");
}

static void test_bind_choices(void **s) {
  (void)s;
  draws("self.d = true return {'input', type = 'checkbox', bind = 'd'}",
        "<input checked data-bind=\"ix3.d\" name=\"d\" type=\"checkbox\">");
  draws("self.d = false return {'input', type = 'checkbox', bind = 'd'}",
        "<input data-bind=\"ix3.d\" name=\"d\" type=\"checkbox\">");
  draws("self.d = {'a', 'b'} return {'input', type = 'checkbox', bind = 'd', "
        "value = 'b'}",
        "<input checked data-bind=\"ix3.d\" name=\"d\" type=\"checkbox\" "
        "value=\"b\">");
  draws("self.d = {} return {'input', type = 'checkbox', bind = 'd', value = "
        "'b'}",
        "<input data-bind=\"ix3.d\" name=\"d\" type=\"checkbox\" value=\"b\">");
  draws("self.c = 'red' return {'', {'input', type = 'radio', bind = 'c', "
        "value = "
        "'red'}, {'input', type = 'radio', bind = 'c', value = 'blue'}}",
        "<input checked data-bind=\"ix3.c\" name=\"c\" type=\"radio\" "
        "value=\"red\">"
        "<input data-bind=\"ix3.c\" name=\"c\" type=\"radio\" value=\"blue\">");
  draws("self.c = 2.0 return {'input', type = 'radio', bind = 'c', value = 2}",
        "<input checked data-bind=\"ix3.c\" name=\"c\" type=\"radio\" "
        "value=\"2\">");
}

static void test_bind_select(void **s) {
  (void)s;
  draws(
      "self.c = 'b' return {'select', bind = 'c', {'option', value = 'a', "
      "'A'}, "
      "{'optgroup', each({'b', 'd'}, function(v) return {'option', value = v, "
      "v} end)}}",
      "<select data-bind=\"ix3.c\" name=\"c\"><option value=\"a\">A</option>"
      "<optgroup><option selected value=\"b\">b</option>"
      "<option value=\"d\">d</option></optgroup></select>");
  draws(
      "self.c = 'two words' return {'select', bind = 'c', {'option', ' two ', "
      "{'', 'words'}}, {'option', 'x'}}",
      "<select data-bind=\"ix3.c\" name=\"c\"><option selected> two "
      "words</option>"
      "<option>x</option></select>");
  draws("self.c = {'a', 'b'} return {'select', multiple = true, bind = 'c', "
        "{'option', 'a'}, {'option', 'b'}, {'option', 'c'}}",
        "<select data-bind=\"ix3.c\" multiple name=\"c\"><option "
        "selected>a</option>"
        "<option selected>b</option><option>c</option></select>");
  draws("self.c = 3 return {'select', bind = 'c', {'option', value = 3}}",
        "<select data-bind=\"ix3.c\" name=\"c\">"
        "<option selected value=\"3\"></option></select>");
  draws("{'select', {'option', 'a'}}", "<select><option>a</option></select>");
}

static void test_keys(void **s) {
  (void)s;
  draws_inside("{{'li', key = 7}}", "<li id=\"ix-3:li:7\"></li>");
  draws_inside("{{'ul', key = 'a b:c', {'li', key = 7.0, {'b', key = 1}}}}",
               "<ul id=\"ix-3:ul:a%20b%3Ac\"><li id=\"ix-3:a%20b%3Ac:li:7\">"
               "<b id=\"ix-3:a%20b%3Ac:7:b:1\"></b></li></ul>");
  draws_inside("{{'li', key = 7, id = 'mine'}}", "<li id=\"mine\"></li>");
  draws_inside(
      "{{'ul', {'li', key = 1}}, {'ul', {'li', key = 1}, {'li', key = 2}}}",
      "<ul><li id=\"ix-3:li:1\"></li></ul><ul><li id=\"ix-3:li:1~2\"></li>"
      "<li id=\"ix-3:li:2\"></li></ul>");
  draws("{'li', key = 7}", "<li id=\"li:7\"></li>");
}

static void test_preserve_and_behavior(void **s) {
  (void)s;
  draws("{'canvas', preserve = true}", "<canvas data-stube-preserve></canvas>");
  draws("{'canvas', preserve = false}", "<canvas></canvas>");
  draws("{'p', behavior = 'ui/x'}", "<p data-stube-behavior=\"ui/x\"></p>");
  draws("{'p', behavior = {'ui/x', width = 3, line_color = 'a\"', on = true}}",
        "<p data-stube-arg-line-color=\"a&quot;\" data-stube-arg-on=\"true\" "
        "data-stube-arg-width=\"3\" data-stube-behavior=\"ui/x\"></p>");
}

static void test_urls(void **s) {
  (void)s;
  draws("{'a', href = '/x?a=1&b=2'}", "<a href=\"/x?a=1&amp;b=2\"></a>");
  draws("{'a', href = 'javascript'}", "<a href=\"javascript\"></a>");
  draws("{'a', title = 'javascript:x'}", "<a title=\"javascript:x\"></a>");
  draws("{'a', href = raw 'javascript:x()'}",
        "<a href=\"javascript:x()\"></a>");
}

/* --- what is refused --- */

static void test_errors(void **s) {
  (void)s;
  static const struct {
    const char *markup, *error;
  } cases[] = {
    { "true", "demo/x: item 1: true cannot be drawn" },
    { "{'p', 'a', true}", "demo/x: p: item 3: true cannot be drawn" },
    { "{'p', print}",
      "demo/x: p: item 2: a function cannot be drawn (is a call missing?)" },
    { "{'p', io.stdout}", "demo/x: p: item 2: a userdata cannot be drawn" },
    { "{'p', embed()}", "demo/x: p: item 2: an embed cannot be drawn (put it "
                        "into children or a slot, "
                        "and s.slot(name) here)" },
    { "{'section', {'p'}, {'div', {'ul', ['on click'] = 'x'}}}",
      "demo/x: section > div[2] > ul[1]: attribute name \"on click\" is not "
      "valid" },
    { "{'section', {{'p'}, {'', {'b'}}, {{'i', x = {}}}}}",
      "demo/x: section > i[3]: attribute \"x\" cannot be a table" },
    { "{'p', ['a\"b'] = 1}",
      "demo/x: p: attribute name \"a\"b\" is not valid" },
    { "{'p', ['a>b'] = 1}", "demo/x: p: attribute name \"a>b\" is not valid" },
    { "{'p', [''] = 1}", "demo/x: p: attribute name \"\" is not valid" },
    { "{'p', ['1a'] = 1}", "demo/x: p: attribute name \"1a\" is not valid" },
    { "{'p', ['\\xc3\\xa9'] = 1}",
      "demo/x: p: attribute name \"\xc3\xa9\" is not valid" },
    { "{'p', ['on_a b'] = 'x'}",
      "demo/x: p: attribute name \"a b\" is not valid" },
    { "{'p', x = print}", "demo/x: p: attribute \"x\" cannot be a function" },
    { "{'p', ['data-x'] = 1, data_x = 2}",
      "demo/x: p: attribute \"data-x\" is written twice" },
    { "{'p>x'}",
      "demo/x: tag \"p>x\" is not valid (a list of texts is written {\"\", "
      "...} or s.list{...})" },
    { "{'Hello, world'}",
      "demo/x: tag \"Hello, world\" is not valid (a list of texts "
      "is written {\"\", ...} or s.list{...})" },
    { "{'.card'}",
      "demo/x: tag \".card\" is not valid (it begins with the element's "
      "name, as in \"div.card\")" },
    { "{'p..x'}",
      "demo/x: tag \"p..x\" is not valid (a list of texts is written "
      "{\"\", ...} or s.list{...})" },
    { "{'p', {class = 'x', {'b'}}}", "demo/x: p: a list of children has the "
                                     "key \"class\" (is a tag missing?)" },
    { "{'p', (function() local l = list{} l.x = 1 return l end)()}",
      "demo/x: p: a list of children has the key \"x\" (is a tag missing?)" },
    { "{{title = 'x'}}",
      "demo/x: the attribute \"title\" stands in no element" },
    { "{'p', [0] = 'x'}",
      "demo/x: p: an item stands at position 0 (the first one is 1)" },
    { "{'p', [1.5] = 'x'}", "demo/x: p: a key of the table is neither a "
                            "position nor a name but a number" },
    { "{'p', [true] = 'x'}", "demo/x: p: a key of the table is neither a "
                             "position nor a name but a boolean" },
    { "{'br', 'x'}", "demo/x: br: item 2: a <br> has no content" },
    { "{'input', {'b'}}", "demo/x: input: item 2: a <input> has no content" },
    { "{'script', {'b'}}",
      "demo/x: script: item 2: a <script> holds strings and numbers only" },
    { "{'p', on_click = 'nope'}", "demo/x: p: demo/x has no event \"nope\"" },
    { "{'p', on_click = print}",
      "demo/x: p: on_click takes \"event\", {\"event\", value, options...}, a "
      "list of "
      "those, or true, not a function (put it into on = {...})" },
    { "{'p', on_click = {'x', debonce = 1}}",
      "demo/x: p: on_click has no option \"debonce\" (did you mean "
      "\"debounce\"?)" },
    { "{'p', on_click = {'x', zzzzzz = 1}}",
      "demo/x: p: on_click has no option \"zzzzzz\"" },
    { "{'p', on_click = {'x', debounce = 'a'}}",
      "demo/x: p: on_click: debounce takes seconds, from 0 to 86400" },
    { "{'p', on_click = {'x', once = 1}}",
      "demo/x: p: on_click: once takes true or false" },
    { "{'p', on_click = {'x', key = 1}}",
      "demo/x: p: on_click: key takes a string, not a number" },
    { "{'p', on_click = {'x', 1, 2}}",
      "demo/x: p: on_click: an event carries one value (give a table)" },
    { "{'p', onclick = 'x'}", "demo/x: p: \"onclick\" would run a script: "
                              "write on_click = \"an event\"" },
    { "{'p', onError = 'x'}", "demo/x: p: \"onError\" would run a script: "
                              "write on_error = \"an event\"" },
    { "{'a', href = 'javascript:x()'}",
      "demo/x: a: href would run a script (if that is meant, give it as "
      "s.raw(...))" },
    { "{'a', href = ' \\n JaVa\\tScript\\n:x()'}",
      "demo/x: a: href would run a script (if that is meant, give it as "
      "s.raw(...))" },
    { "{'form', action = 'JAVASCRIPT:x'}",
      "demo/x: form: action would run a script (if that is meant, give it as "
      "s.raw(...))" },
    { "{'p', bind = 'x'}",
      "demo/x: p: bind works on input, textarea, select and "
      "elements of your own, not on <p>" },
    { "{'input', bind = 'x', value = 'y'}",
      "demo/x: input: bind shows the field: set self.x and leave out value" },
    { "{'input', bind = true}",
      "demo/x: input: bind takes the name of a field" },
    { "self.x = {} return {'input', bind = 'x'}",
      "demo/x: input: the field \"x\" is a table, which this <input> cannot "
      "show" },
    { "{'textarea', bind = 'x', 'text'}",
      "demo/x: textarea: a textarea with bind shows its field and takes no "
      "text" },
    { "{'p', key = {}}",
      "demo/x: p: key takes a string or a number, not a table" },
    { "{'p', behavior = 'x'}",
      "demo/x: p: behavior takes \"ns/name\" or {\"ns/name\", arg = value}" },
    { "{'p', class = true}", "demo/x: p: class takes a string, a list, or "
                             "names = true, not a boolean" },
    { "{'p', style = {'a'}}",
      "demo/x: p: style takes a string or name = value pairs, not a list" },
    { "{'p', style = {['a: b'] = 1}}",
      "demo/x: p: style: \"a: b\" is no name of a property" },
    { "{'p', slot 'bad'}", "todo/child: a slot's own error" },
    { "{'p', setmetatable({}, {__tostring = function() error('oh', 0) end})}",
      "demo/x: p: oh" },
    { "local t = {'p'} t[2] = {t} return t",
      "demo/x: p > p[1] > p[1] > ... > p[1] > p[1] > p[1] > p[1] > p[1] > "
      "p[1]: "
      "nested deeper than 512 (does a table contain itself?)" },
    { "local t = {'p'} local l = {} l[1] = l t[2] = l return t",
      "demo/x: p: nested deeper than 512 (does a table contain itself?)" },
  };
  for (size_t i = 0; i < countof(cases); i++)
    refuses(cases[i].markup, cases[i].error);
}

static void test_other_errors_pass(void **s) {
  (void)s;
  refuses(
      "{'p', setmetatable({}, {__tostring = function() error(setmetatable({}, "
      "{__tostring = function() return 'a table' end})) end})}",
      "a table");
}

/* --- limits --- */

static void test_depth_limit(void **s) {
  (void)s;
  char text[256];
  snprintf(text, sizeof text,
           "local t = 'x' for i = 1, %d do t = {'', t} end return t",
           MARKUP_DEPTH_MAX);
  draws(text, "x");
  snprintf(text, sizeof text,
           "local t = 'x' for i = 1, %d do t = {'', t} end return t",
           MARKUP_DEPTH_MAX + 1);
  refuses(text,
          "demo/x: nested deeper than 512 (does a table contain itself?)");
}

static void test_attribute_limit(void **s) {
  (void)s;
  const char *chunk =
      "local t = {'p'} for i = 1, %d do t['a' .. i] = false end return t";
  char text[256];
  snprintf(text, sizeof text, chunk, MARKUP_ATTRS_MAX);
  draws(text, "<p></p>");
  snprintf(text, sizeof text, chunk, MARKUP_ATTRS_MAX + 1);
  refuses(text, "demo/x: p: an element has more than 64 attributes");
  chunk = "local t = {'p', class = {}} for i = 1, %d do t.class['a' .. i] = "
          "true end "
          "return #t == 1 and t";
  snprintf(text, sizeof text, chunk, MARKUP_WORDS_MAX + 1);
  refuses(text, "demo/x: p: class: more than 256 names");
  chunk = "local l = {} for i = 1, %d do l[i] = {'x', once = true} end return "
          "{'p', "
          "on_click = l}";
  snprintf(text, sizeof text, chunk, MARKUP_EVENTS_MAX + 1);
  refuses(text, "demo/x: p: on_click has more than 16 events");
}

static void test_size_limit(void **s) {
  (void)s;
  char text[256];
  snprintf(text, sizeof text, "{'p', ('x'):rep(%d)}",
           (int)RENDER_BYTES_MAX - 7);
  HtmlContext ctx = bare();
  Drawn d = draw(&ctx, text);
  assert_null(d.error);
  assert_int_equal(d.out.len, RENDER_BYTES_MAX + 8);
  buf_free(&d.out);
  snprintf(text, sizeof text, "{'p', ('x'):rep(%d)}",
           (int)RENDER_BYTES_MAX - 6);
  refuses(text, "demo/x: draws more than 8388608 bytes");
}

static void test_full_buffer(void **s) {
  (void)s;
  lua_State *L = state();
  HtmlContext ctx = bare();
  Buf out = { .max = 10 };
  lua_pushcfunction(L, draw_protected);
  luaL_dostring(L, "return {'p', '<x'}");
  lua_pushlightuserdata(L, &(Args){ &ctx, &out });
  assert_int_equal(lua_pcall(L, 2, 0, 0), LUA_ERRRUN);
  assert_string_equal(lua_tostring(L, -1),
                      "draws more than fits (this is too large)");
  assert_int_equal(out.len, 0);
  buf_free(&out);
  out.max = 12;
  lua_settop(L, 0);
  lua_pushcfunction(L, draw_protected);
  luaL_dostring(L, "return {'p', '<x'}");
  lua_pushlightuserdata(L, &(Args){ &ctx, &out });
  assert_int_equal(lua_pcall(L, 2, 0, 0), LUA_OK);
  assert_memory_equal(out.ptr, "<p>&lt;x</p>", 12);
  buf_free(&out);
  lua_close(L);
}

/* App code that runs while a tree is drawn may pull the tree apart. */
static void test_changes_attributes(void **s) {
  (void)s;
  draws(
      "local t t = {'div', a = setmetatable({}, {__tostring = function() "
      "t.a, t.b, t.c = nil for i = 1, 100 do t['k' .. i] = ('x'):rep(i) .. i "
      "end "
      "collectgarbage() collectgarbage() return 'x' end}), b = ('c'):rep(50) "
      ".. 1, "
      "c = ('z'):rep(50) .. 2, 'text'} return t",
      "<div a=\"x\" b=\"cccccccccccccccccccccccccccccccccccccccccccccccccc1\" "
      "c=\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz2\">text</div>");
}

static void test_changes_children(void **s) {
  (void)s;
  HtmlContext ctx = bare();
  Drawn d = draw(
      &ctx, "local t t = {'div', {'p', setmetatable({}, {__tostring = "
            "function() t[2] = nil for i = 2, 300 do t[i] = 'x' end t = nil "
            "collectgarbage() collectgarbage() return 'y' end}), 'z'}} "
            "return t");
  assert_null(d.error);
  assert_memory_equal(d.out.ptr + 8, "<div><p>yz</p>xxx", 17);
  buf_free(&d.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    { "draws elements, void ones without an end tag", test_elements, 0, 0, 0 },
    { "reads .class and #id after a tag", test_shorthand, 0, 0, 0 },
    { "escapes text and draws whole floats as integers (14.7)", test_text, 0, 0,
      0 },
    { "escapes strings of every length", test_every_length, 0, 0, 0 },
    { "walks every integer key in order", test_holes, 0, 0, 0 },
    { "draws nested lists in place", test_lists, 0, 0, 0 },
    { "lets bundles overwrite attributes and add classes", test_bundles, 0, 0,
      0 },
    { "writes raw values as they stand", test_raw, 0, 0, 0 },
    { "turns _ into - in identifiers only", test_names, 0, 0, 0 },
    { "writes true as a bare name but for aria and its like", test_values, 0, 0,
      0 },
    { "joins classes of every form", test_class, 0, 0, 0 },
    { "keeps style values from ending their declaration", test_style, 0, 0, 0 },
    { "draws the same bytes for the same tree", test_same_bytes, 0, 0, 0 },
    { "never lets a script or style end early", test_raw_text, 0, 0, 0 },
    { "keeps a first newline in pre and textarea", test_newlines, 0, 0, 0 },
    { "gives the root id, class and component, else wraps it (14.1)", test_root,
      0, 0, 0 },
    { "asks for the content of slots (14.2)", test_slots, 0, 0, 0 },
    { "writes every event option in its fixed place (13.1, 13.3)", test_events,
      0, 0, 0 },
    { "shows a bound field in text inputs", test_bind_text, 0, 0, 0 },
    { "checks the bound choice", test_bind_choices, 0, 0, 0 },
    { "selects the bound option, nested or not", test_bind_select, 0, 0, 0 },
    { "makes ids of keys that never collide", test_keys, 0, 0, 0 },
    { "marks preserved elements and behaviors", test_preserve_and_behavior, 0,
      0, 0 },
    { "refuses script URLs only where they would run", test_urls, 0, 0, 0 },
    { "says what is wrong and where", test_errors, 0, 0, 0 },
    { "passes errors that are no strings", test_other_errors_pass, 0, 0, 0 },
    { "nests to the limit and no deeper", test_depth_limit, 0, 0, 0 },
    { "takes attributes to the limit and no more", test_attribute_limit, 0, 0,
      0 },
    { "draws to the size limit and no more", test_size_limit, 0, 0, 0 },
    { "fails with a full buffer, exactly at its limit", test_full_buffer, 0, 0,
      0 },
    { "survives attributes that change under it", test_changes_attributes, 0, 0,
      0 },
    { "survives children that change under it", test_changes_children, 0, 0,
      0 },
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
