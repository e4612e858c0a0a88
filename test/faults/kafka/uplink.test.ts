// Slices of the campaigns of the uplink, on the model broker: what a real Kafka does with them is told by `make prove-short PART=K2` and the like.
import { testSlice } from '../slice.ts'
import { k2 } from './k2.ts'
import { k3 } from './k3.ts'

testSlice(k2, 10, 25)
testSlice(k3, 10, 25)
