#include "net/listener.h"
