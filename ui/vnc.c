/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -vnc: the first graphics card's screen for VNC clients
 *
 * libvncserver speaks the protocol (RFC 6143), in threads of its own: one that listens, two for each client. A client
 * that is slow or hostile has only its own threads to hold up. What they share with us:
 *
 *   the picture    a copy in memory that is never unmapped and large enough for every screen, so that a client's thread
 *                  in the middle of an update finds an old picture, or one of another width, at worst
 *   its size       waits for clients in the middle of an update, so a worker tells them
 *   keys, mouse    handed on under the big lock
 *   coming, going  counted: nothing is drawn while nobody looks
 *
 * Left out: TLS, SASL, Unix sockets, absolute pointers (the PS/2 mouse gets movements), keyboards other than US.
 */
#include "qemu/osdep.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <rfb/rfb.h>
#include <signal.h>
#include <sys/mman.h>
#include "hw/i386/pc.h"
#include "hw/input/i8042.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"
#include "ui/console.h"
#include "ui/vnc.h"
#include "vnc-keys.h"

#define BASE_PORT       5900
#define PASSWORD_MAX    8               /* all the protocol's DES takes */
#define PICTURE_MAX     (512 * MiB)     /* address space; VBE modes end long before */
#define CLIENT_WAIT_MS  2000            /* who takes nothing for so long is dropped */
#define PIXEL           4

static struct {
    rfbScreenInfoPtr screen;            /* NULL: no server */
    char *address;                      /* as the user gave it */
    char *name;                         /* of the desktop */
    DisplayListener listener;           /* console: NULL while nobody looks, or when the card has gone */
    pixman_image_t *picture;            /* on memory */
    uint8_t *memory;
    WorkerJob size_job;
    int new_width, new_height;          /* of size_job */
    bool is_telling_size;               /* size_job runs. Big lock */
    Bh *audience;
    int clients;                        /* atomic */
    bool wants_password;
    pthread_mutex_t password_lock;
    char password[PASSWORD_MAX + 1];    /* empty: nobody may come in */
    bool closing;                       /* big lock */
    bool held[256];                     /* keys; big lock */
    int x, y;                           /* where the pointer was; big lock */
    unsigned buttons;
    bool pointer_known;
} vnc = { .password_lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static void copy(int x, int y, int w, int h)
{
    pixman_image_composite32(PIXMAN_OP_SRC, console_surface(vnc.listener.console), NULL, vnc.picture, x, y, 0, 0, x, y,
                             w, h);
}

/* A worker: each client's update comes to its end before, and some take little at a time. */
static int tell_size(WorkerJob *job)
{
    rfbNewFramebuffer(vnc.screen, (char *)vnc.memory, vnc.new_width, vnc.new_height, 8, 3, PIXEL);
    return 0;
}

static void show_all(void)
{
    int w = pixman_image_get_width(vnc.picture), h = pixman_image_get_height(vnc.picture);

    if (vnc.is_telling_size) {
        return;                         /* that it has changed again is seen when this is done */
    }
    if (w == vnc.screen->width && h == vnc.screen->height) {
        rfbMarkRectAsModified(vnc.screen, 0, 0, w, h);
        return;
    }
    vnc.new_width = w;
    vnc.new_height = h;
    vnc.is_telling_size = true;
    worker_submit(&vnc.size_job);
}

static void on_size_told(WorkerJob *job, int ret)
{
    vnc.is_telling_size = false;
    show_all();
}

static void on_resize(DisplayListener *l, pixman_image_t *surface)
{
    int w = pixman_image_get_width(surface), h = pixman_image_get_height(surface);

    if ((uint64_t)w * h * PIXEL > PICTURE_MAX) {
        return;
    }
    if (vnc.picture) {
        pixman_image_unref(vnc.picture);
    }
    /* The order of bytes that libvncserver takes for its own: red first. */
    vnc.picture = pixman_image_create_bits(PIXMAN_x8b8g8r8, w, h, (uint32_t *)(void *)vnc.memory, w * PIXEL);
    pixman_image_composite32(PIXMAN_OP_SRC, surface, NULL, vnc.picture, 0, 0, 0, 0, 0, 0, w, h);
    show_all();
}

static void on_dirty(DisplayListener *l, int x, int y, int w, int h)
{
    if (!vnc.picture) {
        return;
    }
    copy(x, y, w, h);
    if (!vnc.is_telling_size) {         /* else all of it is marked when that is done */
        rfbMarkRectAsModified(vnc.screen, x, y, x + w, y + h);
    }
}

/* ---- keys and mouse: threads of clients -------------------------------------------------------------------------- */

static void on_key(rfbBool down, rfbKeySym sym, rfbClientPtr client)
{
    uint8_t code = vnc_key(sym);

    big_lock();
    if (code && pc_state.kbd && !vnc.closing) {
        vnc.held[code] = down;
        kbd_put_key(pc_state.kbd, code, down);
    }
    big_unlock();
}

static unsigned ps2_buttons(int mask)
{
    return (mask & 1 ? MOUSE_LEFT : 0) | (mask & 2 ? MOUSE_MIDDLE : 0) | (mask & 4 ? MOUSE_RIGHT : 0);
}

/* Bits 3 and 4 of the mask are the wheel: a press is a click, away from the user and towards. */
static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
    unsigned pressed;

    big_lock();
    pressed = (unsigned)mask & ~vnc.buttons;
    if (pc_state.kbd && !vnc.closing) {
        mouse_put(pc_state.kbd, vnc.pointer_known ? x - vnc.x : 0, vnc.pointer_known ? y - vnc.y : 0,
                  (pressed & 16 ? 1 : 0) - (pressed & 8 ? 1 : 0), ps2_buttons(mask));
    }
    vnc.x = x;
    vnc.y = y;
    vnc.buttons = (unsigned)mask;
    vnc.pointer_known = true;
    big_unlock();
}

/* Nobody is left who could let go of them. */
static void release_all(void)
{
    for (unsigned code = 0; code < ARRAY_SIZE(vnc.held); code++) {
        if (vnc.held[code]) {
            vnc.held[code] = false;
            kbd_put_key(pc_state.kbd, code, false);
        }
    }
    if (vnc.buttons && pc_state.kbd) {
        mouse_put(pc_state.kbd, 0, 0, 0, 0);
    }
    vnc.buttons = 0;
    vnc.pointer_known = false;
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

/* Big lock. */
static void on_audience(void *opaque)
{
    bool wanted = __atomic_load_n(&vnc.clients, __ATOMIC_ACQUIRE) > 0;

    if (wanted && !vnc.listener.console && console_first()) {
        display_listener_add(&vnc.listener, console_first());
        console_update(console_first());
    } else if (!wanted && vnc.listener.console) {
        display_listener_remove(&vnc.listener);
    }
    if (!wanted) {
        release_all();
    }
}

static void on_gone(rfbClientPtr client)
{
    __atomic_fetch_sub(&vnc.clients, 1, __ATOMIC_RELEASE);
    bh_schedule(vnc.audience);
}

/*
 * libvncserver tells of a new size only those who have said that they understand it. A mode that was set while a client
 * was introducing itself would be lost on it; so all hear of the size once more.
 */
static void on_first_request(rfbClientPtr client, rfbFramebufferUpdateRequestMsg *request)
{
    client->clientFramebufferUpdateRequestHook = NULL;
    LOCK(client->updateMutex);
    client->newFBSizePending = client->useNewFBSize;
    UNLOCK(client->updateMutex);
}

/* The listener's thread. The picture is right before the client hears of its size. */
static enum rfbNewClientAction on_client(rfbClientPtr client)
{
    client->clientGoneHook = on_gone;
    client->clientFramebufferUpdateRequestHook = on_first_request;
    __atomic_fetch_add(&vnc.clients, 1, __ATOMIC_RELEASE);
    big_lock();
    if (!vnc.closing) {
        on_audience(NULL);
    }
    big_unlock();
    return RFB_CLIENT_ACCEPT;
}

/* RFC 6143, 7.2.2: the challenge, encrypted with the password. */
static rfbBool check_password(rfbClientPtr client, const char *response, int len)
{
    unsigned char expected[CHALLENGESIZE];
    char password[PASSWORD_MAX + 1];

    pthread_mutex_lock(&vnc.password_lock);
    memcpy(password, vnc.password, sizeof(password));
    pthread_mutex_unlock(&vnc.password_lock);
    if (!password[0] || len != CHALLENGESIZE) {
        return FALSE;
    }
    memcpy(expected, client->authChallenge, sizeof(expected));
    rfbEncryptBytes(expected, password);
    return !memcmp(expected, response, sizeof(expected));
}

bool vnc_set_password(const char *password, Error **errp)
{
    if (!vnc.screen || !vnc.wants_password) {
        error_set(errp, "Could not set password");
        error_append_hint(errp, "It needs -vnc ...,password=on.");
        return false;
    }
    if (strlen(password) > PASSWORD_MAX) {
        error_set(errp, "a VNC password has at most %d characters: more are of no use to the protocol", PASSWORD_MAX);
        return false;
    }
    pthread_mutex_lock(&vnc.password_lock);
    g_strlcpy(vnc.password, password, sizeof(vnc.password));
    pthread_mutex_unlock(&vnc.password_lock);
    return true;
}

void vnc_print(GString *out)
{
    if (!vnc.screen) {
        g_string_append(out, "None\n");
        return;
    }
    g_string_append_printf(out, "default:\n  Server: %s (port %d)\n    Auth: %s (Sub: none)\n  Clients: %d\n",
                           vnc.address, vnc.screen->port, vnc.wants_password ? "vnc" : "none",
                           __atomic_load_n(&vnc.clients, __ATOMIC_ACQUIRE));
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void say_nothing(const char *format, ...)
{
}

/* The addresses of host, one of each family; false: there are none. */
static bool choose_addresses(rfbScreenInfoPtr screen, const char *host, char v6[INET6_ADDRSTRLEN], Error **errp)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list;
    bool has_v4 = false, has_v6 = false;
    int ret = getaddrinfo(host[0] ? host : NULL, "0", &hints, &list);

    if (ret) {
        error_set(errp, "address resolution failed for '%s': %s", host, gai_strerror(ret));
        return false;
    }
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_family == AF_INET && !has_v4) {
            screen->listenInterface = ((struct sockaddr_in *)(void *)a->ai_addr)->sin_addr.s_addr;
            has_v4 = true;
        } else if (a->ai_family == AF_INET6 && !has_v6) {
            has_v6 = inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)a->ai_addr)->sin6_addr, v6,
                               INET6_ADDRSTRLEN);
        }
    }
    freeaddrinfo(list);
    screen->port = has_v4 ? screen->port : -1;
    screen->ipv6port = has_v6 ? screen->ipv6port : -1;
    screen->listen6Interface = has_v6 ? v6 : NULL;
    return true;
}

/* Its threads have no business with our signals. */
static void start_threads(void)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rfbRunEventLoop(vnc.screen, -1, TRUE);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static bool listens(const rfbScreenInfo *screen)
{
    return screen->listenSock != RFB_INVALID_SOCKET || screen->listen6Sock != RFB_INVALID_SOCKET;
}

static bool start_listening(rfbScreenInfoPtr screen, const VncOptions *o, Error **errp)
{
    char v6[INET6_ADDRSTRLEN];

    if (!choose_addresses(screen, o->host, v6, errp)) {
        return false;
    }
    errno = 0;
    rfbInitServer(screen);
    screen->listen6Interface = NULL;    /* ours; it has been used */
    if (!listens(screen)) {
        error_set(errp, "Failed to listen on port %d: %s", BASE_PORT + (int)o->display,
                  errno ? strerror(errno) : "no address of this machine");
        return false;
    }
    return true;
}

static bool make_screen(const VncOptions *o, Error **errp)
{
    rfbScreenInfoPtr screen = rfbGetScreen(NULL, NULL, 640, 480, 8, 3, PIXEL);

    if (!screen) {
        error_set(errp, "no memory for the VNC server");
        return false;
    }
    screen->frameBuffer = (char *)vnc.memory;
    screen->desktopName = vnc.name;
    screen->port = screen->ipv6port = BASE_PORT + (int)o->display;
    screen->alwaysShared = o->shared;
    screen->cursor = NULL;              /* the guest draws its own */
    screen->maxClientWait = CLIENT_WAIT_MS;
    screen->kbdAddEvent = on_key;
    screen->ptrAddEvent = on_pointer;
    screen->newClientHook = on_client;
    if (o->password) {
        screen->authPasswdData = &vnc;  /* anything: there is one */
        screen->passwordCheck = check_password;
    }
    if (!start_listening(screen, o, errp)) {
        rfbScreenCleanup(screen);
        return false;
    }
    vnc.screen = screen;
    return true;
}

bool vnc_init(const VncOptions *o, const char *name, Error **errp)
{
    assert(!vnc.screen);
    rfbLog = say_nothing;
    rfbErr = say_nothing;
    vnc.memory = mmap(NULL, PICTURE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (vnc.memory == MAP_FAILED) {
        error_set_errno(errp, errno, "no memory for the VNC server's picture");
        return false;
    }
    vnc.address = g_strdup_printf("%s:%u", o->host, o->display);
    vnc.name = name && name[0] ? g_strdup_printf("QEMU (%s)", name) : g_strdup("QEMU");
    vnc.wants_password = o->password;
    vnc.listener = (DisplayListener){ .resized = on_resize, .dirty = on_dirty };
    vnc.size_job = (WorkerJob){ .run = tell_size, .done = on_size_told };
    vnc.audience = bh_new(on_audience, NULL);
    if (!make_screen(o, errp)) {
        return false;
    }
    start_threads();
    return true;
}

void vnc_close(void)
{
    vnc.closing = true;
}
