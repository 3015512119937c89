addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
async function answer(request) {
  const url = new URL(request.url);
  if (url.pathname === "/json") {
    const body = await request.json();
    const sum = body.items.reduce((all, item) => all + item.price * item.count, 0);
    return new Response(JSON.stringify({ count: body.items.length, sum }), { headers: { "content-type": "application/json" } });
  }
  return new Response("hello\n");
}
