/* A Modbus device for the tests, from libmodbus: libmodbus_device tcp PORT | rtu PATH BAUD UNIT. Prints `ready`, ends with its standard input.
 * Values are put into registers by libmodbus' own functions; libmodbus.test.ts names the same addresses. */
#include <errno.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BITS = 100, REGISTERS = 300 };

static void fill_words(uint16_t *to) {
  for (int i = 0; i < REGISTERS; i++) to[i] = (uint16_t)(1000 + i);
  modbus_set_float_abcd(-123.456f, to + 200);
  modbus_set_float_cdab(-123.456f, to + 202);
  modbus_set_float_badc(-123.456f, to + 204);
  modbus_set_float_dcba(-123.456f, to + 206);
  modbus_set_float(-123.456f, to + 208);
  MODBUS_SET_INT32_TO_INT16(to, 210, -1234567890);
  int64_t large = -1234567890123456789LL;
  for (int i = 0; i < 4; i++) to[220 + i] = (uint16_t)(large >> (48 - 16 * i));
  const char text[] = "Kessel 3";
  for (int i = 0; i < 4; i++) to[230 + i] = (uint16_t)((text[2 * i] << 8) | text[2 * i + 1]);
  to[240] = 0x8001;
  to[241] = 0x1234;
}

static int wait_for(int socket) {
  struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = socket, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return 0;
    if (fds[0].revents) return 0;
    if (fds[1].revents) return 1;
  }
}

static void answer(modbus_t *device, modbus_mapping_t *map, int is_rtu) {
  uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
  while (wait_for(modbus_get_socket(device))) {
    int length = modbus_receive(device, request);
    if (length > 0) modbus_reply(device, request, length, map);
    else if (length < 0 && !is_rtu) return;
  }
  exit(0);
}

int main(int count, char **words) {
  if (count < 3) return 2;
  int is_rtu = strcmp(words[1], "rtu") == 0;
  modbus_t *device = is_rtu ? modbus_new_rtu(words[2], atoi(words[3]), 'N', 8, 1) : modbus_new_tcp("127.0.0.1", atoi(words[2]));
  modbus_mapping_t *map = modbus_mapping_new(BITS, BITS, REGISTERS, REGISTERS);
  if (!device || !map) return 1;
  fill_words(map->tab_registers);
  fill_words(map->tab_input_registers);
  for (int i = 0; i < BITS; i++) map->tab_bits[i] = map->tab_input_bits[i] = i % 3 == 0;
  int listener = -1;
  if (is_rtu) {
    modbus_set_slave(device, atoi(words[4]));
    if (modbus_connect(device) < 0) return 1;
  } else {
    listener = modbus_tcp_listen(device, 1);
    if (listener < 0) return 1;
  }
  puts("ready");
  fflush(stdout);
  if (is_rtu) answer(device, map, 1);
  while (wait_for(listener)) {
    if (modbus_tcp_accept(device, &listener) < 0) return 1;
    answer(device, map, 0);
    modbus_close(device);
  }
  return 0;
}
