"""Which furniture stands where: patterns of the names that the catalogues of Sweet Home 3D give."""

SMALL = (
    "apples|ashtray|hashtray|baby bottle|backpack|basketball|beer bottle|beer glass|birthday cake|"
    "blender|boiler|book|bootie|bowl|bowl with fruits|bowl with salad|box|bread|bread box|briefcase|"
    "butter|camera|candle|cap|car model|cardboard box|open cardboard box|cactus|camping lamp|"
    "chessboard|clock|coffee brewer|coffee cup|coffee machine|coffee maker|coffee mug|coffee press|"
    "cocktail glass|cone|crate|creamer|cup|cup cake|cuckoo clock|cat|chicken|desk lamp|dog house|doll|"
    "drill|deep fryer|electronic scale|espresso kettle|extinguisher|flashlight|flowers|gift|glass|"
    "glove|hamburger|handbag|hat|headphones|helmet|indoor plant|inkjet printer and scanner|ipod|"
    "joystick|keyboard|kitchen scale|kitchen tools|knife stand|lamp|laptop|large pan|letter tray|"
    "little lamp|little plant|microwave|milk|mini stereo|mixer|mocassin|mp3 station|newspaper|"
    "oil servers|old jar|orchids|paper towel holder|penbox|phone|plant|plate|plastic cup|playstation|"
    "pottery|puzzle|rabbit|radio|reflex camera|roasted chicken|rubik's cube|salt shaker|sandwich maker|"
    "shopping basket|skateboard|small oven|sneakers|soccer ball|speaker|spice tower|spider plant|"
    "spray bottle|squeezer|steak|stereo amplifier|succulent plant|sugar|suitcase|table fan|tape|teapot|"
    "teddy bear|toaster|tools?|toy train|trunck|tulips|tv|utensils pot|vase|watch|white lily|"
    "wine bottle|wood toy|wooden box|xylophone|yogurt bottle|bonsai tree|bamboo|siamese cat|"
    "folded clothes|apple ibook|apple imac 1998|apple imac 2004|screen|plate, glass and cutlery|"
    "biplane|rocking horse|sunglasses"
)
"""Things that lie or stand on a table, a shelf or the floor."""

AGAINST = (
    "bookcase|full bookcase|shelves|vertical shelves|wardrobe|cupboard|dresser with drawers|tv stand|"
    "television cabinet|sofa|sofa 2 seats|sofa 3 seats|clear sofa|burlap sofa|couch|bed|iron bed|"
    "day bed|bunk bed|desk|wooden desk|fridge|refrigerator|large fridge|oven|large stove|cooker|"
    "lower cabinet|drawers cabinet|high cabinet|glass door cabinet|sink cabinet|washing machine|"
    "upright piano|fireplace|filing cabinet|chest|dressing table|aquarium|bath|toilets unit|washbasin|"
    "winchester sofa|radiator|workbench|child bed|crib|mezzanine bed|captain's bed|futon couch|"
    "locked locker|upper shelves cabinet|furnace|water cooler|vanity|clothes rack"
)
"""Pieces with their backs to a wall."""

FREE = (
    "armchair|chair|oak chair|table|coffee table|oak table|round table|black table|stool|rocking horse|"
    "plant|ficus|bamboo|yucca|indoor plant|decorative plant|lamp|bar stool|bar table|puff|"
    "table with tablecloth|chair with cushion|children table|child chair|wooden table|grand piano|"
    "technical table|desk table|suitcase|trunck|crate|barrel|modern armchair|winchester armchair|"
    "osaka chair|folding chair|bicycle|bike|punching ball|treadmill|indoor bike|dustbin|box|basketball|"
    "backpack|electric guitar|clothes horse|step ladder|vase|christmas tree|teddy bear|doll house|"
    "table fan|speaker|stroller|tricycle|dog|cat|table on trestles|ironing board|wheelchair|"
    "office chair"
)
"""Pieces that stand in a room."""

TABLES = (
    "table|coffee table|oak table|black table|desk|wooden desk|wooden table|desk table|technical table|"
    "tv stand|chest|bedside table|dresser with drawers|sideboard|workbench|lower cabinet|"
    "drawers cabinet|television cabinet|children table|wooden alder table|wooden teak table|"
    "table with tablecloth|table on trestles|folding table"
)
"""Pieces with a level top that things are put on."""

GARAGE = (
    "yamaha yzr r6|motorbike|scooter|bicycle|bike|tricycle|mower|wheelbarrow|fork lift|workbench|"
    "barrel|crate|pallet|step ladder|wood logs|extinguisher|suitcase|trunck|cardboard box|"
    "open cardboard box|cone|skateboard|stroller|park trashcan"
)
"""What garages and cellars hold."""

PLANTS = (
    "acacia|bush|bamboo|ficus|cypress|copper beech|coconut tree|hedge|japanese maple|palm tree|"
    "peach blossom|pine|poplar|sycamore maple|yucca|plant|cactus|decorative plant|flower box|plant box|"
    "fern"
)
"""Trees and bushes."""

STREET = (
    "bench|fire hydrant|street lamp|street light|park light|classic lamppost|park trashcan|"
    "residential trashcan|letters box|mailbox|concrete bench|painted bench|pedestrian railing|umbrella|"
    "cafe table|cafe chair|plant box|bush|cone|recycling bin|stone lantern|bicycle|bike|scooter|"
    "motorbike|hose reel"
)
"""What stands on a pavement."""

GARDEN = (
    "table|bench|deck chair|beach chair|rattan armchair|rattan sofa|rattan table|hammock|child swing|"
    "seesaw|sandpit|trampoline|dog house|stone lantern|fountain|wheelbarrow|umbrella|barrel|bicycle|"
    "rock|rowboat|camping tent|garden hut|snowman|child hut|wood logs|mower|fence|teck chair|"
    "relax chair|pottery|vase"
)
"""What stands in gardens and on lawns."""

CARS = (
    "chevrolet|concept sedan 01|concept sedan 02|ford focus|peugeot 308 cc|renault scenic|seat leon|"
    "smart car|suv|truck|van|vw new beetle|bus|city bus"
)
"""Cars, vans and buses."""

PEOPLE = "male|female|boy|girl|holding male|holding female|dog|horse|mannequin male"
"""People on their feet, and animals among them."""

SUBJECTS = (
    "male|female|boy|girl|holding male|holding female|sitting male|sitting female|sitting boy|"
    "sitting girl|dog|cat|bulldog|siamese cat|rabbit|horse|chicken"
)
"""People and animals to be photographed from close by."""

THINGS = (
    "bonsai tree|plant|little plant|tulips|orchids|white lily|flowers|vase|teddy bear|chair|armchair|"
    "bike|bicycle|scooter|motorbike|yamaha yzr r6|lamp|soccer ball|electric guitar|umbrella|backpack|"
    "suitcase|wine bottle|coffee cup|bush|ficus"
)
"""Things to be photographed from close by."""
